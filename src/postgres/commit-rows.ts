/** The rows of a batch as the commit statement takes them: entries by place, and what belongs to each. */
import type { Json } from "../core/json.ts";
import type { ActionKeyWrite } from "../core/ports/action-keys.ts";
import type { GateWrite } from "../core/ports/gates.ts";
import type { StartKey } from "../core/ports/keys.ts";
import type { ItemWrite, MapWrite } from "../core/ports/maps.ts";
import type { Announcement, AttemptWrite, CommitEntry, NewRun, NodeWrite } from "../core/ports/commit.ts";
import { type BlobRow, Blobs, jsonText } from "./blobs.ts";
import { shortPayload } from "./trigger-payload.ts";

/** `i` is the entry's place in the batch, from 1: how a row of a batch finds its entry. */
export interface Placed {
  readonly i: number;
}

/** Values are JSON texts, or marks of what is set aside (`blobs.ts`). */
export interface MoveRow extends Placed {
  readonly entry: CommitEntry;
  readonly output: string | null;
}

export interface StartRow extends MoveRow {
  readonly start: NewRun;
  readonly input: string;
  /** See `trigger-payload.ts`. */
  readonly triggerPayload: string | null;
}

export interface KeyRow extends Placed {
  readonly workspace: string;
  readonly key: StartKey;
}

export interface ActionKeyRow extends Placed {
  readonly write: ActionKeyWrite;
}

export interface GateRow extends Placed {
  readonly write: GateWrite;
  /** The run has not come to rest. */
  readonly stays: boolean;
}

export interface NodeRow extends Placed {
  readonly write: NodeWrite;
  readonly input: string | null;
  readonly output: string | null;
}

export interface AttemptRow extends Placed {
  readonly write: AttemptWrite;
}

export interface MessageRow extends Placed {
  readonly id: string;
}

export interface ListenRow extends Placed {
  readonly events: readonly string[];
}

export interface MapRow extends Placed {
  readonly write: MapWrite;
}

export interface ItemRow extends Placed {
  readonly write: ItemWrite;
  readonly input: string | null;
  readonly output: string | null;
}

/** A child came to rest. */
export interface EndRow extends Placed {
  readonly ofItem: boolean;
}

export interface AnnouncementRow extends Placed {
  readonly write: Announcement;
}

export interface BatchRows {
  readonly entries: readonly CommitEntry[];
  readonly moves: readonly MoveRow[];
  readonly starts: readonly StartRow[];
  readonly gates: readonly GateRow[];
  readonly keys: readonly KeyRow[];
  readonly actionKeys: readonly ActionKeyRow[];
  readonly updates: readonly NodeRow[];
  readonly inserts: readonly NodeRow[];
  readonly attempts: readonly AttemptRow[];
  readonly consumed: readonly MessageRow[];
  readonly kept: readonly MessageRow[];
  readonly listens: readonly ListenRow[];
  readonly maps: readonly MapRow[];
  readonly items: readonly ItemRow[];
  readonly blobs: readonly BlobRow[];
  readonly ends: readonly EndRow[];
  readonly announcements: readonly AnnouncementRow[];
}

/** What a batch needs of the statement. Each combination is one statement text, prepared once per connection. */
export interface Shape {
  readonly moves: boolean;
  readonly starts: boolean;
  /** Some run comes to its gate, or leaves it. */
  readonly gates: boolean;
  /** Some start has an idempotency key. */
  readonly keys: boolean;
  /** Some node takes a key of its action, waits for one, or settles one. */
  readonly actionKeys: boolean;
  readonly updates: boolean;
  readonly inserts: boolean;
  /** Some node row is more than a plain step: a failure, a wait, a redrive. */
  readonly wide: boolean;
  /** Some node run gives up. */
  readonly opens: boolean;
  /** Something is known about a dead letter that a row opens or resolves. */
  readonly letters: boolean;
  /** Some node run is claimed by a worker. */
  readonly claims: boolean;
  /** Some run comes to rest or waits, so that no worker holds anything of it. */
  readonly rests: boolean;
  readonly attempts: boolean;
  readonly messages: boolean;
  /** Some run listens for other events than before. */
  readonly listens: boolean;
  /** Some start repeats another run. */
  readonly reruns: boolean;
  /** Some start is that of a child. */
  readonly children: boolean;
  /** Some child came to rest. */
  readonly ends: boolean;
  /** Some run comes to rest, or some node run gives up: there may be somebody who is to be told. */
  readonly announces: boolean;
  /** Some run's values are so large that they are counted. */
  readonly sizes: boolean;
  /** Some run is compensated. */
  readonly compensates: boolean;
  /** Some run goes on with another version. */
  readonly versions: boolean;
  /** Something is said about a map. */
  readonly maps: boolean;
  /** Some dead letter of an item is resolved. */
  readonly items: boolean;
  /** Some value is set aside. */
  readonly blobs: boolean;
}

export function batchRows(entries: readonly CommitEntry[]): BatchRows {
  const blobs = new Blobs();
  const rows = {
    blobs: blobs.rows,
    entries,
    moves: [] as MoveRow[],
    starts: [] as StartRow[],
    gates: [] as GateRow[],
    keys: [] as KeyRow[],
    actionKeys: [] as ActionKeyRow[],
    updates: [] as NodeRow[],
    inserts: [] as NodeRow[],
    attempts: [] as AttemptRow[],
    consumed: [] as MessageRow[],
    kept: [] as MessageRow[],
    listens: [] as ListenRow[],
    maps: [] as MapRow[],
    items: [] as ItemRow[],
    ends: [] as EndRow[],
    announcements: [] as AnnouncementRow[],
  };
  let i = 0;
  for (const entry of entries) {
    i++;
    const output = blobs.text(i, entry.output);
    if (entry.start)
      rows.starts.push({ i, entry, output, start: entry.start, ...startValues(blobs, i, entry.start) });
    else rows.moves.push({ i, entry, output });
    if (entry.gate) rows.gates.push({ i, write: entry.gate, stays: !entry.finished });
    if (entry.start?.key) rows.keys.push({ i, workspace: entry.start.workspace, key: entry.start.key });
    for (const write of entry.nodes)
      (write.isNew ? rows.inserts : rows.updates).push({
        i,
        write,
        ...nodeValues(blobs, i, { write, entry }),
      });
    for (const write of entry.actionKeys ?? []) rows.actionKeys.push({ i, write });
    for (const write of entry.attempts) rows.attempts.push({ i, write });
    for (const id of entry.consumed) rows.consumed.push({ i, id });
    for (const id of entry.kept) rows.kept.push({ i, id });
    if (entry.listens) rows.listens.push({ i, events: entry.listens });
    if (entry.endsChild) rows.ends.push({ i, ofItem: entry.endsChild === "item" });
    for (const write of entry.announces ?? []) rows.announcements.push({ i, write });
    for (const write of entry.maps ?? []) rows.maps.push({ i, write });
    for (const write of entry.items ?? []) rows.items.push({ i, write, ...valuesOf(blobs, i, write.change) });
  }
  return rows;
}

/** The result of a key of an action is there for longer than its run, so it is no blob of the run. */
function nodeValues(
  blobs: Blobs,
  i: number,
  { write, entry }: { readonly write: NodeWrite; readonly entry: CommitEntry },
): Pick<NodeRow, "input" | "output"> {
  const isResult = entry.actionKeys?.some(({ type, node }) => type === "done" && node === write.node);
  if (!isResult) return valuesOf(blobs, i, write);
  return { input: blobs.text(i, write.input), output: jsonText(write.output) };
}

/** Of a node run, or of what happens to an item. */
interface Values {
  readonly type?: string;
  readonly input?: Json;
  readonly output?: Json;
}

function valuesOf(blobs: Blobs, i: number, { input, output }: Values): Pick<NodeRow, "input" | "output"> {
  return { input: blobs.text(i, input), output: blobs.text(i, output) };
}

function startValues(
  blobs: Blobs,
  i: number,
  { input, triggerPayload }: NewRun,
): Pick<StartRow, "input" | "triggerPayload"> {
  const text = JSON.stringify(input);
  const short = shortPayload(triggerPayload, input, text);
  const payload = short === undefined ? blobs.text(i, triggerPayload) : short;
  return { input: blobs.stored(i, text), triggerPayload: payload };
}

export function shapeOf(rows: BatchRows): Shape {
  const { updates, inserts } = rows;
  const letters = updates.some(hasLetter) || inserts.some(hasLetter);
  return {
    moves: rows.moves.length > 0,
    starts: rows.starts.length > 0,
    gates: rows.gates.length > 0,
    keys: rows.keys.length > 0,
    actionKeys: rows.actionKeys.length > 0,
    updates: updates.length > 0,
    inserts: inserts.length > 0,
    wide: letters || updates.some(isWide) || inserts.some(isWide),
    opens: updates.some(isOpen) || inserts.some(isOpen),
    letters,
    claims: updates.some(isClaim) || inserts.some(isClaim),
    rests: rows.moves.some(({ entry }) => entry.finished || entry.status === "waiting"),
    attempts: rows.attempts.length > 0,
    messages: rows.consumed.length > 0 || rows.kept.length > 0,
    listens: rows.listens.length > 0,
    reruns: rows.starts.some(({ start }) => start.rerunOf !== undefined),
    children: rows.starts.some(({ start }) => start.parent !== undefined),
    ends: rows.ends.length > 0,
    announces: rows.announcements.length > 0,
    sizes: rows.entries.some((entry) => (entry.bytes ?? 0) > 0),
    compensates: rows.entries.some((entry) => entry.compensate),
    versions: rows.moves.some(({ entry }) => entry.version !== undefined),
    maps: rows.maps.length > 0,
    items: rows.items.length > 0,
    blobs: rows.blobs.length > 0,
  };
}

function isClaim({ write }: NodeRow): boolean {
  return write.status === "running" && write.worker !== null;
}

function isOpen({ write }: NodeRow): boolean {
  return write.failure === "open";
}

function hasLetter({ write }: NodeRow): boolean {
  return write.fingerprint !== undefined || write.resolution !== undefined;
}

function isWide({ write }: NodeRow): boolean {
  return (
    write.due !== null ||
    write.failure !== null ||
    write.waitingFor !== null ||
    write.error !== undefined ||
    write.losses !== 0 ||
    write.generation !== 0 ||
    (write.edited ?? null) !== null ||
    (write.deadlineAt ?? null) !== null ||
    (write.putOffMs ?? 0) !== 0 ||
    (write.keyFence ?? 0) !== 0 ||
    (write.heldIn ?? null) !== null ||
    write.possiblyDuplicated
  );
}

/** The statement's name: one letter for each part of its text. Short, because every execution sends it. */
export function shapeKey(shape: Shape): string {
  return (
    (shape.moves ? "m" : "") +
    (shape.starts ? "s" : "") +
    (shape.gates ? "q" : "") +
    (shape.keys ? "k" : "") +
    (shape.actionKeys ? "h" : "") +
    (shape.updates ? "u" : "") +
    (shape.inserts ? "i" : "") +
    (shape.wide ? "w" : "") +
    (shape.opens ? "o" : "") +
    (shape.letters ? "d" : "") +
    (shape.claims ? "c" : "") +
    (shape.rests ? "r" : "") +
    (shape.attempts ? "a" : "") +
    (shape.messages ? "b" : "") +
    (shape.listens ? "l" : "") +
    (shape.reruns ? "n" : "") +
    (shape.children ? "f" : "") +
    (shape.ends ? "e" : "") +
    (shape.announces ? "x" : "") +
    (shape.sizes ? "z" : "") +
    (shape.compensates ? "p" : "") +
    (shape.versions ? "y" : "") +
    (shape.maps ? "g" : "") +
    (shape.items ? "t" : "") +
    (shape.blobs ? "v" : "")
  );
}
