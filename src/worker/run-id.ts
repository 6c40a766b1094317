import { randomFillSync } from "node:crypto";

let lastMs = 0;
let counter = 0;

/**
 * A UUIDv7 that grows within this process: ids of runs that were started later sort later, which keeps the primary key's
 * pages warm and lets lists page by id.
 */
export function newRunId(nowMs: number = Date.now()): string {
  const bytes = randomFillSync(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  if (nowMs > lastMs) {
    lastMs = nowMs;
    counter = view.getUint16(6) & 0x7ff;
  } else {
    counter = (counter + 1) & 0xfff;
    if (counter === 0) lastMs++;
  }
  view.setUint32(0, Math.floor(lastMs / 0x10000));
  view.setUint16(4, lastMs % 0x10000);
  view.setUint16(6, 0x7000 | counter);
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  const hex = Buffer.from(bytes.buffer).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** When the run of this id was started, in milliseconds since 1970: the same wherever and whenever it is asked. */
export function runIdTime(runId: string): number {
  return Number.parseInt(runId.replaceAll("-", "").slice(0, 12), 16);
}
