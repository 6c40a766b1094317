/**
 * Large values: they are kept in `run_blobs`, once per run however often the run has them, and a mark stands in the row instead.
 * A mark is a JSON text that begins with a space, as no text does that `JSON.stringify` makes; so no value is taken for one.
 *
 * PostgreSQL keeps the text of a `json` as it came. A mark in a row is short, so who looks for one does not unpack a longer value.
 */
import { hash } from "node:crypto";
import type { Json } from "../core/json.ts";
import { int4Array, jsonArray, textArray } from "./arrays.ts";

/** Bytes of JSON that stay in their row. */
const INLINE_BYTES = 64 * 1_024;

export interface BlobRow {
  /** Place of the run's entry in the batch. */
  readonly i: number;
  /** Hex. */
  readonly sha256: string;
  readonly text: string;
}

/** JSON text for the store; `null` (SQL's) where there is no value. `JSON.stringify` escapes NUL and lone surrogates. */
export function jsonText(value: Json | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The values of one statement, as they go into its rows. */
export class Blobs {
  /** Those that are set aside, each once per run. */
  readonly rows: BlobRow[] = [];
  readonly #known = new Set<string>();

  /** What stands in the row for this value of the run at place `i`. */
  text(i: number, value: Json | undefined): string | null {
    const text = jsonText(value);
    return text === null ? null : this.stored(i, text);
  }

  /** The same for a text that was made already. */
  stored(i: number, text: string): string {
    return isLarge(text) ? this.#setAside(i, text) : text;
  }

  #setAside(i: number, text: string): string {
    const sha256 = hash("sha256", text);
    const key = `${i} ${sha256}`;
    if (!this.#known.has(key)) this.rows.push({ i, sha256, text });
    this.#known.add(key);
    return ` "${sha256}"`;
  }
}

/** A character has three bytes at most, for each unit of its string. */
function isLarge(text: string): boolean {
  if (text.length > INLINE_BYTES) return true;
  return text.length * 3 > INLINE_BYTES && Buffer.byteLength(text) > INLINE_BYTES;
}

/** `v(i, sha256, value)`; the parameters are numbered from `first` on, and are those of `blobValues`. */
export function blobRows(first: number): string {
  return `unnest($${first}::int4[], $${first + 1}::text[], $${first + 2}::json[]) as v(i, sha256, value)`;
}

/** In one order for everybody, so that two statements with the same blobs of a run do not wait for each other. */
export function blobValues(blobs: readonly BlobRow[]): Buffer[] {
  const rows = blobs.toSorted((a, b) => a.i - b.i || (a.sha256 < b.sha256 ? -1 : 1));
  return [
    int4Array(rows.map(({ i }) => i)),
    textArray(rows.map(({ sha256 }) => sha256)),
    jsonArray(rows.map(({ text }) => text)),
  ];
}

/** The insert of blobs; `from` yields the run's id and `v`. What the run has already stays as it is. */
export function insertBlobs(s: string, { runId, from }: { runId: string; from: string }): string {
  return `blobs as (
  insert into ${s}.run_blobs (run_id, sha256, value) select ${runId}, decode(v.sha256, 'hex'), v.value from ${from}
  on conflict do nothing)`;
}

/** A value that is stored in this column, whole, as an expression over a row of the run. */
export function whole(s: string, column: string, runId: string): string {
  return `case when pg_column_size(${column}) < 80 and left(${column}::text, 1) = ' ' then (
    select b.value from ${s}.run_blobs b where b.run_id = ${runId} and b.sha256 = decode(substr(${column}::text, 3, 64), 'hex'))
    else ${column} end`;
}
