import type { EventRef } from "../core/ports/events.ts";
import type { PollSeries } from "../core/ports/polls.ts";
import type { SchedulePlace } from "../core/ports/schedules.ts";
import type { TriggerPlace } from "../core/ports/triggers.ts";
import { createHash, randomFillSync } from "node:crypto";

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

/**
 * The id of the child that this generation of a node run, or of an item of a map, starts: the same wherever it is asked for, so that a child is started once. A
 * UUIDv8, whose time is that of its parent.
 */
export function childRunId(parent: {
  readonly runId: string;
  readonly node: string;
  readonly item?: number;
  readonly generation: number;
}): string {
  const { runId, node, item, generation } = parent;
  const place = item === undefined ? node : `${node}[${item}]`;
  return madeId(runId.slice(0, 13), `${runId}/${place}/${generation}`);
}

/** The id of the run of a tick: the same wherever it is asked for, so that a tick has one run. A UUIDv8, whose time is that of the tick. */
export function tickRunId({ workspace, workflow, node }: SchedulePlace, dueAt: number): string {
  return madeId(timePart(dueAt), `tick ${JSON.stringify([workspace, workflow, node, dueAt])}`);
}

/** The id of the run that an event starts at a trigger, whoever starts it. A UUIDv8, whose time is that of the event. */
export function eventRunId(
  { workspace, id, publishedAt }: EventRef & { readonly publishedAt: number },
  { workflow, node }: Pick<TriggerPlace, "workflow" | "node">,
): string {
  const text = `event ${JSON.stringify([workspace, id, publishedAt, workflow, node])}`;
  return madeId(timePart(publishedAt), text);
}

/** The id of the run of an item of a poll: the same wherever it is asked for. A UUIDv8, whose time is that of the beginning of the series. */
export function itemRunId({ workspace, workflow, node, series }: PollSeries, item: string): string {
  return madeId(timePart(series), `item ${JSON.stringify([workspace, workflow, node, series, item])}`);
}

function timePart(ms: number): string {
  const time = Math.max(0, ms).toString(16).padStart(12, "0").slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}

function madeId(time: string, text: string): string {
  const hash = createHash("sha256").update(text).digest("hex");
  const variant = ((Number.parseInt(hash.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  return `${time}-8${hash.slice(0, 3)}-${variant}${hash.slice(4, 7)}-${hash.slice(7, 19)}`;
}

/** It says nothing of when the run was started. */
export function isChildRunId(runId: string): boolean {
  return runId.charAt(14) === "8";
}

/** When the run of this id was started, in milliseconds since 1970: the same wherever and whenever it is asked. */
export function runIdTime(runId: string): number {
  return Number.parseInt(runId.replaceAll("-", "").slice(0, 12), 16);
}
