/** `chat.find`: the messages of a channel. */
import { z } from "zod";
import { type Action, defineAction } from "../../src/index.ts";
import { call, classify, CREDENTIAL, type Message } from "./service.ts";

interface Wanted {
  readonly channel: string;
}

const wanted: z.ZodType<Wanted, Wanted> = z.strictObject({ channel: z.string().regex(/^#[a-z0-9-]{1,80}$/) });
const messages: z.ZodType<readonly Message[], readonly Message[]> = z.array(
  z.object({ id: z.string(), channel: z.string(), text: z.string() }),
);

export const findMessages: Action<Wanted, readonly Message[]> = defineAction({
  name: "chat.find",
  description: "Reads the messages of a channel.",
  input: wanted,
  output: messages,
  credentials: [CREDENTIAL],
  effect: "readonly",
  timeout: "20s",
  classify,
  run: async (context) => {
    const query = new URLSearchParams({ channel: context.input.channel });
    return [...(await call(context, `/messages?${query}`)).messages];
  },
});
