/** What `http.request` sends. */
import type { FormValue, HttpRequest } from "./http-types.ts";

const NO_BODY: ReadonlySet<string> = new Set(["GET", "HEAD"]);

export interface Sent {
  readonly headers: Headers;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** The headers and the body, with the type that goes with it where none is given. */
export function sentBody(asked: HttpRequest, idempotencyKey: string): Sent {
  const headers = new Headers(asked.headers);
  if (!headers.has("idempotency-key")) headers.set("idempotency-key", idempotencyKey);
  const made = NO_BODY.has(asked.method ?? "GET") ? null : encode(asked);
  if (!made) return { headers };
  if (!headers.has("content-type")) headers.set("content-type", made.type);
  return { headers, body: made.body };
}

function encode({
  body,
  form,
  binary,
}: HttpRequest): { type: string; body: NonNullable<Sent["body"]> } | null {
  if (form !== undefined) return { type: "application/x-www-form-urlencoded", body: encodeForm(form) };
  if (binary !== undefined)
    return { type: "application/octet-stream", body: Uint8Array.from(Buffer.from(binary, "base64")) };
  if (body === undefined) return null;
  return typeof body === "string"
    ? { type: "text/plain; charset=utf-8", body }
    : { type: "application/json", body: JSON.stringify(body) };
}

export function encodeForm(form: Readonly<Record<string, FormValue | readonly FormValue[]>>): string {
  const members = Object.entries(form).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as readonly FormValue[]) : [value as FormValue]).map(
      (one): [string, string] => [name, String(one)],
    ),
  );
  return new URLSearchParams(members).toString();
}
