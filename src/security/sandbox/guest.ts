/**
 * The part of a sandbox that runs beside the code, in the same realm: `console`, `fetch` and how the result gets out. It protects nothing:
 * whatever the code does to it harms the code alone. The host's functions take and give texts and numbers only.
 */

/** Names the code in stacks. */
export const CODE_FILE = "code.js";

/** On one line, so that the lines of the code keep their numbers. */
export function asFunction(code: string): string {
  return `(async function (input) { "use strict"; ${code}\n})`;
}

/** Evaluates to a function of the host's functions that gives `{ run, settle, describe }`. */
export const GUEST: string = `
(function (log, ask, done, failed) {
  "use strict";
  const { stringify, parse } = JSON;
  const { fromEntries, entries: entriesOf } = Object;
  const calls = new Map();

  const show = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return describe(value);
    try { return stringify(value) ?? String(value); } catch { return String(value); }
  };
  const at = (level) => (...values) => { log(level, values.map(show).join(" ")); };
  globalThis.console = { debug: at("debug"), log: at("info"), info: at("info"), warn: at("warn"), error: at("error") };

  function describe(error) {
    try {
      if (!(error instanceof Error)) return "threw " + String(stringify(error) ?? typeof error).slice(0, 500);
      const line = /${CODE_FILE}:(\\d+)/.exec(String(error.stack));
      return (String(error.name) + ": " + String(error.message)).slice(0, 1000) + (line ? " (line " + line[1] + ")" : "");
    } catch {
      return "threw something that cannot be shown";
    }
  }

  class Headers {
    #values;
    constructor(values) { this.#values = new Map(values.map(([name, value]) => [String(name).toLowerCase(), String(value)])); }
    get(name) { return this.#values.get(String(name).toLowerCase()) ?? null; }
    has(name) { return this.#values.has(String(name).toLowerCase()); }
    entries() { return this.#values.entries(); }
    [Symbol.iterator]() { return this.#values.entries(); }
  }
  class Response {
    #text;
    constructor({ url, status, statusText, headers, text }) {
      this.url = url;
      this.status = status;
      this.statusText = statusText;
      this.ok = status >= 200 && status < 300;
      this.headers = new Headers(headers);
      this.#text = text;
    }
    async text() { return this.#text; }
    async json() { return parse(this.#text); }
  }

  globalThis.fetch = async function fetch(url, { method = "GET", headers = {}, body = null } = {}) {
    if (body !== null && typeof body !== "string") throw new TypeError("The body of a request must be a text.");
    const pairs = Symbol.iterator in headers ? [...headers] : entriesOf(headers);
    const text = stringify({
      url: String(url),
      method: String(method),
      headers: fromEntries(pairs.map(([name, value]) => [String(name), String(value)])),
      body,
    });
    return new Promise((resolve, reject) => { calls.set(ask(text), { resolve, reject }); });
  };

  return {
    describe,
    settle(call, ok, text) {
      const { resolve, reject } = calls.get(call);
      calls.delete(call);
      if (ok) resolve(new Response(parse(text)));
      else reject(new TypeError(text));
    },
    async run(code, input) {
      try {
        const value = await code(parse(input));
        const text = stringify(value === undefined ? null : value);
        if (text === undefined) failed("output", "a " + typeof value + ", which is no JSON");
        else done(text);
      } catch (error) {
        failed("threw", describe(error));
      }
    },
  };
})`;
