/** The columns of a batch: name and type for the statement's text, and how to read each from a row. */
import { FlowForgeError } from "../core/errors.ts";
import type { ErrorRecord } from "../core/run/event.ts";
import { errorJson } from "../core/storable.ts";
import { parentText } from "./rows.ts";
import { boolArray, int4Array, int8Array, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { blobValues } from "./blobs.ts";
import type {
  ActionKeyRow,
  AnnouncementRow,
  AttemptRow,
  BatchRows,
  GateRow,
  EndRow,
  ItemRow,
  KeyRow,
  ListenRow,
  MapRow,
  MessageRow,
  MoveRow,
  NodeRow,
  Shape,
  StartRow,
} from "./commit-rows.ts";

export type Column<Row> =
  | { readonly name: string; readonly type: "int4"; readonly read: (row: Row) => number }
  | { readonly name: string; readonly type: "int8"; readonly read: (row: Row) => number | null }
  | { readonly name: string; readonly type: "bool"; readonly read: (row: Row) => boolean }
  | { readonly name: string; readonly type: "text" | "json"; readonly read: (row: Row) => string | null };

function optionalError(error: ErrorRecord | null | undefined): string | null {
  return error === undefined ? null : errorJson(error);
}

const place: Column<{ readonly i: number }> = { name: "i", type: "int4", read: (row) => row.i };

const entryColumns: readonly Column<MoveRow>[] = [
  place,
  { name: "status", type: "text", read: ({ entry }) => entry.status },
  { name: "paused", type: "bool", read: ({ entry }) => entry.paused },
  { name: "cancelled", type: "bool", read: ({ entry }) => entry.cancelled },
  { name: "dead_letters", type: "int4", read: ({ entry }) => entry.deadLetters },
  { name: "finished", type: "bool", read: ({ entry }) => entry.finished },
  { name: "output", type: "json", read: (row) => row.output },
];

const compensateColumn: Column<MoveRow> = {
  name: "compensate",
  type: "bool",
  read: ({ entry }) => entry.compensate,
};

const bytesColumn: Column<MoveRow> = { name: "bytes", type: "int8", read: ({ entry }) => entry.bytes ?? 0 };

/** 0: as before. */
const versionColumn: Column<MoveRow> = {
  name: "new_version",
  type: "int4",
  read: ({ entry }) => entry.version ?? 0,
};

type MoveShape = Pick<Shape, "compensates" | "sizes" | "versions">;

export function moveColumns({ compensates, sizes, versions }: MoveShape): readonly Column<MoveRow>[] {
  return [
    ...entryColumns,
    ...(compensates ? [compensateColumn] : []),
    ...(sizes ? [bytesColumn] : []),
    ...(versions ? [versionColumn] : []),
  ];
}

const newRunColumns: readonly Column<StartRow>[] = [
  { name: "workspace", type: "text", read: ({ start }) => start.workspace },
  { name: "workflow", type: "text", read: ({ start }) => start.workflow },
  { name: "version", type: "int4", read: ({ start }) => start.version },
  { name: "trigger", type: "text", read: ({ start }) => start.trigger },
  { name: "labels", type: "json", read: ({ start }) => JSON.stringify(start.labels) },
  { name: "input", type: "json", read: (row) => row.input },
  { name: "trigger_payload", type: "json", read: (row) => row.triggerPayload },
];

const rerunColumn: Column<StartRow> = {
  name: "rerun_of",
  type: "text",
  read: ({ start }) => start.rerunOf ?? null,
};

const parentColumns: readonly Column<StartRow>[] = [
  { name: "parent_run", type: "text", read: ({ start }) => start.parent?.runId ?? null },
  { name: "parent", type: "json", read: ({ start }) => (start.parent ? parentText(start.parent) : null) },
];

type StartShape = MoveShape & Pick<Shape, "reruns" | "children">;

export function startColumns(shape: StartShape): readonly Column<StartRow>[] {
  return [
    ...moveColumns(shape),
    ...newRunColumns,
    ...(shape.reruns ? [rerunColumn] : []),
    ...(shape.children ? parentColumns : []),
  ];
}

export const keyColumns: readonly Column<KeyRow>[] = [
  place,
  { name: "workspace", type: "text", read: (row) => row.workspace },
  { name: "scope", type: "text", read: ({ key }) => key.scope },
  { name: "key", type: "text", read: ({ key }) => key.key },
  { name: "fingerprint", type: "text", read: ({ key }) => key.fingerprint },
];

export const actionKeyColumns: readonly Column<ActionKeyRow>[] = [
  place,
  { name: "node", type: "text", read: ({ write }) => write.node },
  { name: "type", type: "text", read: ({ write }) => write.type },
  { name: "fence", type: "int4", read: ({ write }) => ("fence" in write ? write.fence : 0) },
  { name: "workspace", type: "text", read: ({ write }) => ("key" in write ? write.workspace : null) },
  { name: "action", type: "text", read: ({ write }) => ("key" in write ? write.action : null) },
  { name: "key", type: "text", read: ({ write }) => ("key" in write ? write.key : null) },
  {
    name: "fingerprint",
    type: "text",
    read: ({ write }) => ("fingerprint" in write ? write.fingerprint : null),
  },
];

export const gateColumns: readonly Column<GateRow>[] = [
  place,
  { name: "type", type: "text", read: ({ write }) => (write.type === "leave" ? write.type : write.as) },
  { name: "workspace", type: "text", read: ({ write }) => ("key" in write ? write.workspace : null) },
  { name: "workflow", type: "text", read: ({ write }) => ("key" in write ? write.workflow : null) },
  { name: "key", type: "text", read: ({ write }) => ("key" in write ? write.key : null) },
  { name: "lim", type: "int4", read: ({ write }) => ("limit" in write ? write.limit : 0) },
  { name: "on_limit", type: "text", read: ({ write }) => ("onLimit" in write ? write.onLimit : null) },
  { name: "at", type: "int8", read: ({ write }) => ("at" in write ? (write.at ?? null) : null) },
  { name: "stays", type: "bool", read: ({ stays }) => stays },
];

const plainNodeColumns: readonly Column<NodeRow>[] = [
  place,
  { name: "node", type: "text", read: ({ write }) => write.node },
  { name: "item", type: "int4", read: ({ write }) => write.item },
  { name: "status", type: "text", read: ({ write }) => write.status },
  { name: "outcome", type: "text", read: ({ write }) => write.outcome },
  { name: "attempt", type: "int4", read: ({ write }) => write.attempt },
  { name: "fence", type: "int4", read: ({ write }) => write.fence },
  { name: "dispatches", type: "int4", read: ({ write }) => write.dispatches },
  { name: "worker", type: "text", read: ({ write }) => write.worker },
  { name: "input", type: "json", read: (row) => row.input },
  { name: "output", type: "json", read: (row) => row.output },
];

/** How `due` is to be read: as it is, kept, from now, or a point in time. */
export const DUE = { none: 0, keep: 1, from: 2, at: 3 } as const;

const wideNodeColumns: readonly Column<NodeRow>[] = [
  ...plainNodeColumns,
  { name: "losses", type: "int4", read: ({ write }) => write.losses },
  { name: "generation", type: "int4", read: ({ write }) => write.generation },
  { name: "waiting_for", type: "text", read: ({ write }) => write.waitingFor },
  { name: "failure", type: "text", read: ({ write }) => write.failure },
  { name: "possibly_duplicated", type: "bool", read: ({ write }) => write.possiblyDuplicated },
  { name: "due_mode", type: "int4", read: ({ write }) => dueMode(write.due) },
  { name: "due", type: "int8", read: ({ write }) => dueValue(write.due) },
  // SQL's null: unchanged. JSON's null: cleared.
  { name: "error", type: "json", read: ({ write }) => optionalError(write.error) },
  { name: "edited", type: "text", read: ({ write }) => write.edited ?? null },
  { name: "deadline_at", type: "int8", read: ({ write }) => write.deadlineAt ?? null },
  { name: "put_off_ms", type: "int8", read: ({ write }) => write.putOffMs || null },
  { name: "key_fence", type: "int4", read: ({ write }) => write.keyFence ?? 0 },
  { name: "held_lane", type: "text", read: ({ write }) => write.heldIn?.lane ?? null },
  { name: "held_for", type: "text", read: ({ write }) => write.heldIn?.workspace ?? null },
];

const letterColumns: readonly Column<NodeRow>[] = [
  ...wideNodeColumns,
  { name: "fingerprint", type: "text", read: ({ write }) => write.fingerprint ?? null },
  { name: "resolution_id", type: "text", read: ({ write }) => write.resolution?.id ?? null },
  { name: "resolved_by", type: "text", read: ({ write }) => write.resolution?.by ?? null },
];

function dueMode(due: NodeRow["write"]["due"]): number {
  if (due === null) return DUE.none;
  if (due === "keep") return DUE.keep;
  return "inMs" in due ? DUE.from : DUE.at;
}

function dueValue(due: NodeRow["write"]["due"]): number | null {
  if (due === null || due === "keep") return null;
  const ms = Math.ceil("inMs" in due ? due.inMs : due.at);
  if (Number.isSafeInteger(ms)) return ms;
  throw new FlowForgeError("internal", {
    subject: "a node run's due time",
    expected: "milliseconds",
    received: String(ms),
    next: "Please report this with the version of FlowForge.",
  });
}

export function nodeColumns({ wide, letters }: Shape): readonly Column<NodeRow>[] {
  if (letters) return letterColumns;
  return wide ? wideNodeColumns : plainNodeColumns;
}

export const attemptColumns: readonly Column<AttemptRow>[] = [
  place,
  { name: "node", type: "text", read: ({ write }) => write.node },
  { name: "item", type: "int4", read: ({ write }) => write.item },
  { name: "fence", type: "int4", read: ({ write }) => write.fence },
  { name: "attempt", type: "int4", read: ({ write }) => write.attempt },
  { name: "error", type: "json", read: ({ write }) => errorJson(write.error) },
];

export const messageColumns: readonly Column<MessageRow>[] = [
  place,
  { name: "id", type: "text", read: (row) => row.id },
];

export const listenColumns: readonly Column<ListenRow>[] = [
  place,
  { name: "events", type: "json", read: (row) => JSON.stringify(row.events) },
];

export const mapColumns: readonly Column<MapRow>[] = [
  place,
  { name: "node", type: "text", read: ({ write }) => write.node },
  { name: "type", type: "text", read: ({ write }) => write.type },
  { name: "fence", type: "int4", read: ({ write }) => ("fence" in write ? write.fence : 0) },
  { name: "total", type: "int4", read: ({ write }) => ("total" in write ? write.total : 0) },
  {
    name: "concurrency",
    type: "int4",
    read: ({ write }) => ("concurrency" in write ? write.concurrency : 0),
  },
  { name: "collect", type: "bool", read: ({ write }) => "collect" in write && write.collect },
  { name: "undoes", type: "text", read: ({ write }) => ("undoes" in write ? write.undoes : null) },
];

export const endColumns: readonly Column<EndRow>[] = [
  place,
  { name: "of_item", type: "bool", read: (row) => row.ofItem },
];

export const announcementColumns: readonly Column<AnnouncementRow>[] = [
  place,
  { name: "workspace", type: "text", read: ({ write }) => write.workspace },
  { name: "id", type: "text", read: ({ write }) => write.id },
  { name: "name", type: "text", read: ({ write }) => write.name },
  { name: "chain", type: "json", read: ({ write }) => JSON.stringify(write.chain) },
  { name: "payload", type: "json", read: ({ write }) => JSON.stringify(write.payload) },
];

export const itemColumns: readonly Column<ItemRow>[] = [
  place,
  { name: "node", type: "text", read: ({ write }) => write.node },
  { name: "item", type: "int4", read: ({ write }) => write.item },
  { name: "fence", type: "int4", read: ({ write }) => write.fence },
  { name: "type", type: "text", read: ({ write }) => write.change.type },
  {
    name: "new_key",
    type: "bool",
    read: ({ write: { change } }) => change.type === "redrive" && change.newKey,
  },
  { name: "input", type: "json", read: (row) => row.input },
  { name: "output", type: "json", read: (row) => row.output },
  { name: "resolution_id", type: "text", read: ({ write }) => write.resolution.id },
  { name: "resolved_by", type: "text", read: ({ write }) => write.resolution.by },
];

function encode<Row>(rows: readonly Row[], column: Column<Row>): Buffer {
  switch (column.type) {
    case "int4":
      return int4Array(rows.map(column.read));
    case "int8":
      return int8Array(rows.map(column.read));
    case "bool":
      return boolArray(rows.map(column.read));
    case "text":
      return textArray(rows.map(column.read));
    case "json":
      return jsonArray(rows.map(column.read));
  }
}

/** The parameters, in the order in which `commitText` numbers them. */
export function commitValues(rows: BatchRows, shape: Shape): Buffer[] {
  const values: Buffer[] = [
    uuidArray(rows.entries.map((entry) => entry.runId)),
    int8Array(rows.entries.map((entry) => entry.seq)),
  ];
  function add<Row>(wanted: boolean, list: readonly Row[], columns: readonly Column<Row>[]): void {
    if (wanted) for (const column of columns) values.push(encode(list, column));
  }
  add(shape.moves, rows.moves, moveColumns(shape));
  add(shape.starts, rows.starts, startColumns(shape));
  add(shape.gates, rows.gates, gateColumns);
  add(shape.keys, rows.keys, keyColumns);
  add(shape.actionKeys, rows.actionKeys, actionKeyColumns);
  add(shape.updates, rows.updates, nodeColumns(shape));
  add(shape.inserts, rows.inserts, nodeColumns(shape));
  add(shape.attempts, rows.attempts, attemptColumns);
  add(shape.messages, rows.consumed, messageColumns);
  add(shape.messages, rows.kept, messageColumns);
  add(shape.listens, rows.listens, listenColumns);
  add(shape.maps, rows.maps, mapColumns);
  add(shape.items, rows.items, itemColumns);
  if (shape.blobs) values.push(...blobValues(rows.blobs));
  add(shape.ends, rows.ends, endColumns);
  add(shape.announces, rows.announcements, announcementColumns);
  return values;
}
