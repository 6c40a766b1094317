/** Texts as every store can keep and search them: PostgreSQL's hold neither NUL nor half of a character. */
import type { ErrorRecord } from "./run/event.ts";

/** U+FFFD stands for what cannot be kept. */
export function storable(text: string): string {
  return withoutNul(text).toWellFormed();
}

export function withoutNul(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\uFFFD") : text;
}

/** As `JSON.stringify` writes them: after an even number of backslashes. */
const NOT_STORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** Whether every text in it can be kept as it is. */
export function isStorable(value: unknown): boolean {
  return JSON.stringify(value).search(NOT_STORABLE) < 0;
}

/** An error as JSON whose texts can be kept, wherever they come from: the commit that tells of a failure must not fail because of it. */
export function errorJson(error: ErrorRecord | null): string {
  return JSON.stringify(error).replaceAll(NOT_STORABLE, "$1\uFFFD");
}
