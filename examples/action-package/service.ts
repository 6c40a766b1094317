/** The chat service, as its actions see it: one call, one answer `{ ok, error?, ... }` with status 200 whatever happened. */
import type { ActionContext, FailureMeaning } from "../../src/index.ts";

/** The name under which a workspace stores the address and the token of its chat: `{ url, token }`. */
export const CREDENTIAL = "chat";

export class ChatError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`The chat service says "${code}".`);
    this.name = "ChatError";
    this.code = code;
  }
}

export interface Message {
  readonly id: string;
  readonly channel: string;
  readonly text: string;
}

type Context = Pick<ActionContext<unknown>, "credential" | "fetch" | "signal">;

export async function call(
  context: Context,
  path: string,
  body?: object,
): Promise<{ readonly messages: readonly Message[] }> {
  const { fields, allowHosts } = await context.credential(CREDENTIAL);
  const answer = await context.fetch(new URL(path, fields["url"]), {
    ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    headers: { authorization: `Bearer ${fields["token"]}`, "content-type": "application/json" },
    signal: context.signal,
    allowHosts,
  });
  // FlowForge reads `status` and `headers` of an error: 429 with Retry-After is put off, 503 is in doubt.
  if (!answer.ok)
    throw Object.assign(new Error("The chat service is not well."), {
      status: answer.status,
      headers: answer.headers,
    });
  const said = (await answer.json()) as { ok: boolean; error?: string; messages?: readonly Message[] };
  if (!said.ok) throw new ChatError(said.error ?? "unknown");
  return { messages: said.messages ?? [] };
}

/** What the service's own codes mean; everything else is read by FlowForge. */
export function classify(error: unknown): FailureMeaning | undefined {
  if (!(error instanceof ChatError)) return undefined;
  return error.code === "busy" ? "retry" : "permanent";
}
