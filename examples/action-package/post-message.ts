/** `chat.post`: a message in a channel, once. The service takes no idempotency key, but can be asked what is there. */
import { z } from "zod";
import { type Action, type ActionContext, defineAction } from "../../src/index.ts";
import { call, classify, CREDENTIAL } from "./service.ts";

interface NewMessage {
  readonly channel: string;
  readonly text: string;
}

export interface PostedMessage {
  readonly id: string;
}

const newMessage: z.ZodType<NewMessage, NewMessage> = z.strictObject({
  channel: z.string().regex(/^#[a-z0-9-]{1,80}$/),
  text: z.string().min(1).max(4_000),
});
const posted: z.ZodType<PostedMessage, PostedMessage> = z.object({ id: z.string() });

/** Found again by the key, which the service keeps as a tag of the message. */
async function find({
  input,
  idempotencyKey,
  ...context
}: ActionContext<NewMessage>): Promise<PostedMessage | null> {
  const query = new URLSearchParams({ channel: input.channel, tag: idempotencyKey });
  const { messages } = await call(context, `/messages?${query}`);
  return messages[0] ? { id: messages[0].id } : null;
}

export const postMessage: Action<NewMessage, PostedMessage> = defineAction({
  name: "chat.post",
  description: "Posts a message to a channel.",
  input: newMessage,
  output: posted,
  credentials: [CREDENTIAL],
  effect: "verifiable",
  timeout: "20s",
  classify,
  run: async (context) => {
    const { input, idempotencyKey } = context;
    const { messages } = await call(context, "/messages", { ...input, tag: idempotencyKey });
    return { id: messages[0]!.id };
  },
  verify: async (context) => {
    const found = await find(context);
    return found ? { outcome: "happened", output: found } : { outcome: "didNotHappen" };
  },
});
