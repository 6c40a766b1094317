/**
 * Arrays as statement parameters, in PostgreSQL's binary format: one parameter is one column of a batch, read by `unnest`.
 *
 * Written by hand because the driver's text format quotes and escapes every element; JSON values are full of quotes, so the
 * same bytes would be copied three times here and parsed once more on the server. All encoders share one scratch buffer:
 * each returns its own copy, so a parameter stays as it is while a later one is built.
 */
const OID = { bool: 16, int8: 20, int4: 23, text: 25, json: 114, uuid: 2950 } as const;

const HEADER_BYTES = 20;
let scratch: Buffer = Buffer.allocUnsafe(1 << 16);

function reserve(used: number, more: number): void {
  if (used + more <= scratch.length) return;
  const next = Buffer.allocUnsafe(Math.max(scratch.length * 2, used + more));
  scratch.copy(next, 0, 0, used);
  scratch = next;
}

function header(oid: number, count: number, hasNulls: boolean): void {
  scratch.writeInt32BE(1, 0);
  scratch.writeInt32BE(hasNulls ? 1 : 0, 4);
  scratch.writeInt32BE(oid, 8);
  scratch.writeInt32BE(count, 12);
  scratch.writeInt32BE(1, 16);
}

/** An array without elements has no dimensions; `unnest` reads it as no rows. */
function empty(oid: number): Buffer {
  const buffer = Buffer.alloc(12);
  buffer.writeInt32BE(oid, 8);
  return buffer;
}

function copy(length: number): Buffer {
  return Buffer.from(scratch.subarray(0, length));
}

export function int4Array(values: readonly number[]): Buffer {
  if (values.length === 0) return empty(OID.int4);
  reserve(0, HEADER_BYTES + values.length * 8);
  header(OID.int4, values.length, false);
  let at = HEADER_BYTES;
  for (const value of values) {
    scratch.writeInt32BE(4, at);
    scratch.writeInt32BE(value, at + 4);
    at += 8;
  }
  return copy(at);
}

export function int8Array(values: readonly (number | null)[]): Buffer {
  if (values.length === 0) return empty(OID.int8);
  reserve(0, HEADER_BYTES + values.length * 12);
  header(OID.int8, values.length, true);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      scratch.writeInt32BE(-1, at);
      at += 4;
      continue;
    }
    scratch.writeInt32BE(8, at);
    scratch.writeInt32BE(Math.floor(value / 2 ** 32), at + 4);
    scratch.writeUInt32BE(value >>> 0, at + 8);
    at += 12;
  }
  return copy(at);
}

export function boolArray(values: readonly boolean[]): Buffer {
  if (values.length === 0) return empty(OID.bool);
  reserve(0, HEADER_BYTES + values.length * 5);
  header(OID.bool, values.length, false);
  let at = HEADER_BYTES;
  for (const value of values) {
    scratch.writeInt32BE(1, at);
    scratch[at + 4] = value ? 1 : 0;
    at += 5;
  }
  return copy(at);
}

function strings(oid: number, values: readonly (string | null)[]): Buffer {
  if (values.length === 0) return empty(oid);
  reserve(0, HEADER_BYTES);
  header(oid, values.length, true);
  let at = HEADER_BYTES;
  for (const value of values) {
    // A UTF-16 unit needs at most three bytes of UTF-8.
    reserve(at, 4 + (value === null ? 0 : value.length * 3));
    if (value === null) {
      scratch.writeInt32BE(-1, at);
      at += 4;
      continue;
    }
    const bytes = scratch.write(value, at + 4);
    scratch.writeInt32BE(bytes, at);
    at += 4 + bytes;
  }
  return copy(at);
}

export function textArray(values: readonly (string | null)[]): Buffer {
  return strings(OID.text, values);
}

/** Elements are JSON text already. */
export function jsonArray(values: readonly (string | null)[]): Buffer {
  return strings(OID.json, values);
}

/** Elements must have passed `isRunId`. */
export function uuidArray(values: readonly string[]): Buffer {
  if (values.length === 0) return empty(OID.uuid);
  reserve(0, HEADER_BYTES + values.length * 20);
  header(OID.uuid, values.length, false);
  let at = HEADER_BYTES;
  for (const value of values) {
    scratch.writeInt32BE(16, at);
    scratch.write(value.replaceAll("-", ""), at + 4, "hex");
    at += 20;
  }
  return copy(at);
}
