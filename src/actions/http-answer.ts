/** What `http.request` makes of an answer. */
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import type { HttpRequest } from "./http-types.ts";

/** Of one answer. */
const MAX_ANSWER_BYTES = 1 << 20;
/** Of all pages of a list, whose items are what is kept of them. */
const MAX_LIST_BYTES = 4 * MAX_ANSWER_BYTES;

/** How much an attempt may still read. */
export class Budget {
  #left = MAX_LIST_BYTES;

  /** Never more than a value may hold. */
  async read(answer: Response, url: URL): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.body ?? []) {
      size += chunk.byteLength;
      this.#left -= chunk.byteLength;
      if (size > MAX_ANSWER_BYTES) throw tooLarge(`The answer of ${nameOf(url)}`, MAX_ANSWER_BYTES);
      if (this.#left < 0) throw tooLarge(`The list at ${nameOf(url)}`, MAX_LIST_BYTES);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }
}

/** The answer had a status that is no success. The engine reads `status` and `headers` to decide what to do. */
export class HttpStatusError extends Error {
  readonly status: number;
  readonly headers: Headers;

  constructor(method: string, url: URL, response: Response) {
    super(`${method} ${nameOf(url)} was answered with status ${response.status}`);
    this.name = "HttpStatusError";
    this.status = response.status;
    this.headers = response.headers;
  }
}

export function isExpected({ ok, status }: Response, expect: HttpRequest["expect"]): boolean {
  if (expect === undefined) return ok;
  return expect.some((one) => one === status || one === `${Math.floor(status / 100)}xx`);
}

/** What the answer holds is not looked at: its status has said it all. A success that was not expected is one all the same. */
export async function refusal(method: string, url: URL, answer: Response): Promise<Error> {
  await discard(answer);
  const error = new HttpStatusError(method, url, answer);
  return answer.ok ? new PermanentError(error.message, { cause: error }) : error;
}

/** Ends an answer whose body nobody wants, so that its connection is free. */
export async function discard(answer: Response): Promise<void> {
  await answer.body?.cancel().catch(() => undefined);
}

/** The body in the form that was asked for. */
export async function readBody(
  answer: Response,
  { url, form, budget = new Budget() }: { url: URL; form: HttpRequest["response"]; budget?: Budget },
): Promise<Json> {
  const bytes = await budget.read(answer, url);
  if (form === "base64") return bytes.toString("base64");
  const text = new TextDecoder().decode(bytes);
  if (form === "text") return text;
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(answer.headers.get("content-type") ?? "");
  if (form !== "json" && (!isJson || text === "")) return text;
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const where = `The answer of ${nameOf(url)}`;
    throw new PermanentError(
      isJson ? `${where} says that it is JSON, and is none.` : `${where} is no JSON.`,
      {
        cause,
      },
    );
  }
}

function tooLarge(what: string, bytes: number): PermanentError {
  return new PermanentError(`${what} has more than ${bytes} bytes. Ask for less, page by page.`);
}

/** Without query and user name: they may hold secrets. */
function nameOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}
