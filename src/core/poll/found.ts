/** What an action that is polled has returned, and when it is asked again. Pure. */
import { z } from "zod";
import type { JsonObject } from "../json.ts";
import type { Json } from "../json.ts";

/** Of one poll: more of them come with `more` and a cursor. */
export const MAX_ITEMS = 1_000;
const MAX_ID = 255;

export interface FoundItem {
  readonly id: string;
  /** As the action gave it. */
  readonly value: JsonObject;
}

export interface Found {
  /** Each id once, in the order in which they came. */
  readonly items: readonly FoundItem[];
  readonly cursor: Json;
  /** There are more: ask again at once. */
  readonly more: boolean;
}

const id = z.union([z.string().min(1).max(MAX_ID), z.number()]);
const answer = z.strictObject({
  items: z.array(z.looseObject({ id })).max(MAX_ITEMS),
  cursor: z.unknown().optional(),
  more: z.boolean().optional(),
});

/** A text: what is wrong with it. */
export function foundIn(output: Json): Found | string {
  const parsed = answer.safeParse(output);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return `${path.length === 0 ? "the answer" : path.map(String).join(".")}: ${message}`;
  }
  const { items: given } = output as { readonly items: readonly JsonObject[] };
  const items = new Map<string, FoundItem>();
  for (const value of given) {
    const key = String(value["id"]);
    if (!items.has(key)) items.set(key, { id: key, value });
  }
  const { cursor = null, more = false } = parsed.data;
  return { items: [...items.values()], cursor: cursor as Json, more };
}

/** Pauses after the first failure, the second ... and every later one. */
const BACKOFF_MS = [10_000, 60_000, 5 * 60_000, 15 * 60_000] as const;

/** Before the poll after so many failures, and up to a tenth of it more. */
export function retryPauseMs(failures: number, random: number): number {
  const pause = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? BACKOFF_MS[0];
  return Math.round(pause * (1 + random / 10));
}
