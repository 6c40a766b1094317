/**
 * Takes secrets out of what an attempt leaves behind. It looks for the values themselves, not for names of fields: a provider that echoes
 * a token does so where it likes, and in the encoding that it likes.
 */
import type { Json } from "../core/json.ts";

/** Shorter values are left: they would be found everywhere, and are no secrets. */
const MIN_LENGTH = 6;
const MARK = "[redacted]";

export class Secrets {
  readonly #forms = new Set<string>();
  #pattern: RegExp | null = null;

  get isEmpty(): boolean {
    return this.#forms.size === 0;
  }

  add(value: string): void {
    if (value.length < MIN_LENGTH) return;
    for (const form of formsOf(value)) this.#forms.add(form);
    // The longest first, so that a form that holds another goes as a whole.
    const forms = [...this.#forms].sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp(forms.map(escaped).join("|"), "gi");
  }

  /** Also what is left of a secret at the end of a text that was cut. */
  text(text: string): string {
    if (!this.#pattern) return text;
    return this.#withoutCutEnd(text.replace(this.#pattern, MARK));
  }

  json(value: Json): Json {
    if (this.isEmpty) return value;
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.json(item as Json));
    if (typeof value !== "object" || value === null) return this.#number(value);
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [this.text(key), this.json(inner as Json)]),
    );
  }

  /** Whatever a log line is given: errors are read as their texts. */
  loose(value: unknown, depth = 0): unknown {
    if (this.isEmpty) return value;
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > 8) return MARK;
    if (value instanceof Error) return this.#error(value, depth);
    if (Array.isArray(value)) return value.map((item) => this.loose(item, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [this.text(key), this.loose(inner, depth + 1)]),
    );
  }

  #error(error: Error, depth: number): Error {
    const clean = new Error(this.text(error.message));
    clean.name = this.text(error.name);
    clean.stack = this.text(error.stack ?? "");
    for (const [key, inner] of Object.entries(error))
      Object.assign(clean, { [key]: this.loose(inner, depth + 1) });
    if (error.cause !== undefined) clean.cause = this.loose(error.cause, depth + 1);
    return clean;
  }

  /** A number may be a secret too: an account, a code. */
  #number(value: number | boolean | null): Json {
    const text = String(value);
    return typeof value === "number" && this.text(text) !== text ? MARK : value;
  }

  #withoutCutEnd(text: string): string {
    const end = text.endsWith("…") ? text.slice(0, -1) : text;
    const plain = end.toLowerCase();
    for (const form of this.#forms) {
      const longest = Math.min(form.length - 1, end.length);
      for (let length = longest; length >= MIN_LENGTH; length--) {
        if (plain.endsWith(form.slice(0, length).toLowerCase())) return `${end.slice(0, -length)}${MARK}`;
      }
    }
    return text;
  }
}

function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const encoded = encodeURIComponent(value);
  const forms = [
    value,
    json,
    json.replaceAll("/", String.raw`\/`),
    encoded,
    encoded.replaceAll("%20", "+"),
    encodeURI(value),
    bytes.toString("hex"),
    ...[0, 1, 2].flatMap((offset) => base64Forms(bytes, offset)),
  ];
  return forms.filter((form) => form.length >= MIN_LENGTH);
}

/** Base64 looks different by where in the encoded bytes the value begins; the characters that neighbours have a part in are left out. */
function base64Forms(bytes: Buffer, offset: number): readonly string[] {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  const start = Math.ceil((offset * 8) / 6);
  const end = Math.floor((shifted.length * 8) / 6);
  const text = shifted.toString("base64").slice(start, end);
  return [text, text.replaceAll("+", "-").replaceAll("/", "_")];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
