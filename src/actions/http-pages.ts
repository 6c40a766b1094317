/** A list that comes in pages: where its items are, and where it goes on. */
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import type { HttpPages } from "./http-types.ts";

const MAX_PAGES = 100;

/** One page, as it was answered. */
export interface Page {
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Json;
}

/** Where the next page is, and whose items these are; `null`: there is no next one. */
export class Pager {
  readonly #asked: HttpPages;
  readonly #first: URL;
  readonly items: Json[] = [];
  readonly #seen = new Set<string>();
  pages = 0;

  constructor(asked: HttpPages, first: URL) {
    this.#asked = asked;
    const { next } = asked;
    if (typeof next === "object" && "page" in next)
      first.searchParams.set(next.page, String(next.start ?? 1));
    this.#first = first;
    this.#seen.add(first.href);
  }

  /** Takes the items of a page. */
  take(page: Page): URL | null {
    this.pages++;
    const items = at(page.body, this.#asked.items);
    if (!Array.isArray(items)) throw this.#wrong(`there is no list at ${shown(this.#asked.items)}`);
    this.items.push(...(items as readonly Json[]));
    const next = this.#next(page, items.length);
    if (next === null) return null;
    const { maxPages = MAX_PAGES } = this.#asked;
    if (this.pages >= maxPages)
      throw this.#wrong(`it has more than ${maxPages} pages; ask for larger ones, or raise \`maxPages\``);
    // What is sent with the first request, a credential among it, is for its receiver alone.
    if (next.origin !== this.#first.origin) throw this.#wrong(`its next page is at ${next.origin}`);
    if (this.#seen.has(next.href)) throw this.#wrong("its next page is one that was read already");
    this.#seen.add(next.href);
    return next;
  }

  #next({ url, headers, body }: Page, count: number): URL | null {
    const { next } = this.#asked;
    if (next === "link") return this.#address(nextLink(headers.get("link") ?? ""), url);
    if ("url" in next) return this.#address(at(body, next.url), url);
    const following = new URL(url);
    if ("page" in next) {
      if (count === 0) return null;
      following.searchParams.set(next.page, String((next.start ?? 1) + this.pages));
      return following;
    }
    const cursor = at(body, next.cursor);
    if (isNone(cursor)) return null;
    if (typeof cursor !== "string" && typeof cursor !== "number")
      throw this.#wrong(`what is at ${shown(next.cursor)} is no cursor`);
    following.searchParams.set(next.param, String(cursor));
    return following;
  }

  #address(found: Json | undefined, base: URL): URL | null {
    if (isNone(found)) return null;
    const next = typeof found === "string" && URL.canParse(found, base.href) ? new URL(found, base) : null;
    if (next === null) throw this.#wrong("the address of its next page cannot be read");
    return next;
  }

  #wrong(what: string): PermanentError {
    return new PermanentError(
      `The list at ${this.#first.origin}${this.#first.pathname}, page ${this.pages}: ${what}.`,
    );
  }
}

/** A provider says so in many ways. */
function isNone(value: Json | undefined): value is null | undefined | false | "" {
  return value === undefined || value === null || value === "" || value === false;
}

function at(value: Json, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const name of path === "" ? [] : path.split(".")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as { readonly [name: string]: Json })[name];
  }
  return found;
}

function shown(path: string): string {
  return path === "" ? "the top" : `\`${path}\``;
}

const LINK = /<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*=\s*(?:"[^"]*"|[^\s",;]+))*)/g;
const PARAMETER = /;\s*([^\s=;,]+)\s*=\s*(?:"([^"]*)"|([^\s",;]+))/g;

/** Of the header `Link` (RFC 8288): the target of the first link whose relation is `next`. */
export function nextLink(header: string): string | undefined {
  for (const [, target, parameters] of header.matchAll(LINK)) {
    const relation = [...(parameters ?? "").matchAll(PARAMETER)].find(([, name]) => /^rel$/i.test(name!));
    const names = (relation?.[2] ?? relation?.[3] ?? "").toLowerCase().split(/\s+/);
    if (names.includes("next")) return target;
  }
  return undefined;
}
