/** Where an answer leads to, and what goes there. */
import { nameOf, refusal } from "./refusal.ts";

/** One request of a call. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: ArrayBuffer | null;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** All that another origin gets to see: keys travel in headers of any name. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set(["accept", "accept-language", "user-agent"]);
const BODY_HEADERS: readonly string[] = [
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
];

/** The next hop; `null`: the answer is no redirect. */
export function redirected(
  hop: Hop,
  answer: { readonly status: number; readonly headers: { get(name: string): string | null } },
): Hop | null {
  const location = answer.headers.get("location");
  if (!REDIRECTS.has(answer.status) || location === null) return null;
  const url = targetOf(location, hop.url);
  const next = withMethod(hop, answer.status);
  if (url.origin === hop.url.origin) return { ...next, url };
  if (next.body !== null) throw refused(hop.url, "a redirect that does not take the body to another origin");
  if (url.protocol === "http:" && hop.url.protocol === "https:")
    throw refused(hop.url, "a redirect that stays with https");
  const headers = new Headers([...next.headers].filter(([name]) => HARMLESS_HEADERS.has(name)));
  return { ...next, url, headers };
}

function targetOf(location: string, base: URL): URL {
  if (!URL.canParse(location, base.href)) throw refused(base, "a redirect to a URL");
  const url = new URL(location, base);
  // Whoever redirects must not be able to log in as somebody.
  url.username = "";
  url.password = "";
  return url;
}

/** As every browser does: after 303, and after 301 and 302 to a POST, it is a GET without a body. */
function withMethod(hop: Hop, status: number): Hop {
  const { method } = hop;
  const becomesGet = status === 303 ? method !== "HEAD" : status <= 302 && method === "POST";
  if (!becomesGet) return hop;
  const headers = new Headers(hop.headers);
  for (const name of BODY_HEADERS) headers.delete(name);
  return { ...hop, method: "GET", body: null, headers };
}

function refused(url: URL, expected: string): Error {
  return refusal("outbound_redirect_refused", {
    subject: nameOf(url),
    expected,
    next: "Call the address that it leads to, if that is meant.",
  });
}
