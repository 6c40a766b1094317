/** Makes the calls of one execution: the code has no network of its own. */
import { z } from "zod";
import type { OutboundFetch } from "../../core/definition/outbound.ts";
import type { CodeLimits } from "./messages.ts";

const request = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).max(8_192),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
  headers: z.record(z.string(), z.string()),
  body: z.string().nullable(),
});

export interface BrokerOptions {
  /** `null`: the code may call nobody. */
  readonly fetch: OutboundFetch | null;
  readonly limits: CodeLimits;
  readonly signal: AbortSignal;
}

export interface Brokered {
  readonly ok: boolean;
  /** JSON of the answer, or a message. */
  readonly text: string;
}

export class Broker {
  readonly #options: BrokerOptions;
  #calls = 0;
  #bytes = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  /** Never rejects: what goes wrong is told to the code. */
  async answer(text: string): Promise<Brokered> {
    try {
      return { ok: true, text: JSON.stringify(await this.#send(text)) };
    } catch (error) {
      return { ok: false, text: messageOf(error).slice(0, 1_000) };
    }
  }

  async #send(text: string): Promise<object> {
    const { fetch, limits, signal } = this.#options;
    if (fetch === null) throw new Error("This code may not call anybody: its node does not allow `fetch`.");
    // The other side counts too; it is not trusted.
    if (++this.#calls > limits.requests) throw new Error("There were too many requests.");
    const asked = request.safeParse(JSON.parse(text));
    if (!asked.success)
      throw new Error(`Requests of this form are not sent: ${asked.error.issues[0]!.message}`);
    const { url, method, headers, body } = asked.data;
    const answer = await fetch(url, { method, headers, signal, ...(body === null ? {} : { body }) });
    return {
      url: answer.url,
      status: answer.status,
      statusText: answer.statusText,
      headers: [...answer.headers],
      text: await this.#read(answer),
    };
  }

  async #read({ body }: Response): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body ?? []) {
      this.#bytes += chunk.byteLength;
      if (this.#bytes > this.#options.limits.requestBytes)
        throw new Error(`All answers together have at most ${this.#options.limits.requestBytes} bytes.`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
