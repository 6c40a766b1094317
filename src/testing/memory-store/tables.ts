/** What the store in memory holds, and the indexes by which the loops find their rows. */
import type { MessageBody } from "../../core/ports/message.ts";
import type { LineRef } from "../../core/ports/held.ts";
import type { MapState } from "../../core/ports/maps.ts";
import type { AttemptRecord } from "../../core/ports/store.ts";
import type { NodeRecord, RunHeader } from "../../core/ports/stored-run.ts";
import { DeadLetterTable } from "./dead-letter-table.ts";
import { FeedTable } from "./feed-table.ts";
import { TimeIndex } from "./time-index.ts";

export interface MemoryMessage {
  readonly id: string;
  readonly receivedAt: number;
  readonly kind: MessageBody["kind"];
  kept: boolean;
  /** JSON text. */
  readonly body: string;
}

export interface MemoryRun {
  header: RunHeader;
  /** JSON texts. */
  readonly input: string;
  readonly triggerPayload: string;
  output: string | undefined;
  /** Of its values, without those of items. */
  bytes: number;
  readonly nodes: Map<string, MemoryNode>;
  /** In the order of arrival. */
  readonly inbox: Map<string, MemoryMessage>;
  /** Ids of messages that were used up. */
  readonly used: Set<string>;
  readonly attempts: AttemptRecord[];
  /** By node. */
  readonly maps: Map<string, MemoryMap>;
  /** Events that the run can take. */
  listens: ReadonlySet<string>;
}

/** A map while its run is there. `live`: its node waits for it. */
export type MemoryMap = { -readonly [Field in keyof MapState]: MapState[Field] } & {
  readonly collect: boolean;
  /** The map that it undoes. */
  readonly undoes: string | null;
  live: boolean;
  touchedAt: number;
  /** Of the values of its items. */
  bytes: number;
};

export interface MemoryNode {
  readonly run: MemoryRun;
  record: NodeRecord;
  /** JSON texts. */
  input: string | undefined;
  output: string | undefined;
  /** Since when, or from when on, a `ready` row may start. */
  readyAt: number | null;
  /** In which line it waits for room, and since when. */
  held: (LineRef & { readonly at: number }) | null;
}

/** What the values of a run have in all. */
export function runBytes({ bytes, maps }: MemoryRun): number {
  return [...maps.values()].reduce((sum, map) => sum + map.bytes, bytes);
}

export function nodeKey({ node, item }: { readonly node: string; readonly item: number }): string {
  return `${item}:${node}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isRunId(id: string): boolean {
  return UUID.test(id);
}

export class Tables {
  readonly feed: FeedTable = new FeedTable();
  readonly deadLetters: DeadLetterTable = new DeadLetterTable(this.feed);
  readonly runs: Map<string, MemoryRun> = new Map();
  /** Children that came to rest, with the `seq` of that, as long as nobody was told. */
  readonly childEnds: { readonly runId: string; readonly seq: number; readonly ofItem: boolean }[] = [];
  /** Rows that are no items: `waiting` ones by `dueAt`, those before it and maps by `deadlineAt`. */
  readonly due: TimeIndex<MemoryNode> = new TimeIndex();
  /** `ready` rows by `readyAt`. */
  readonly ready: TimeIndex<MemoryNode> = new TimeIndex();
  /** `ready` rows that wait for room. */
  readonly held: Set<MemoryNode> = new Set();
  /** `queued` rows by `dispatchedAt`. */
  readonly queued: TimeIndex<MemoryNode> = new TimeIndex();
  /** Runs by the oldest message that nobody has seen. */
  readonly unread: TimeIndex<MemoryRun> = new TimeIndex();
  /** `running` rows by worker. */
  readonly running: Map<string, Set<MemoryNode>> = new Map();

  /** The row is now this one. */
  place(
    node: MemoryNode,
    next: Pick<MemoryNode, "record" | "input" | "output" | "readyAt"> & {
      readonly held?: MemoryNode["held"];
    },
  ): void {
    this.#leave(node);
    node.record = next.record;
    node.input = next.input ?? node.input;
    node.output = next.output ?? node.output;
    node.readyAt = next.readyAt;
    node.held = next.held ?? null;
    if (node.held) this.held.add(node);
    else this.held.delete(node);
    const { status, item, dueAt, deadlineAt, dispatchedAt, worker, waitingFor } = node.record;
    const isBefore =
      status === "pending" || status === "ready" || status === "queued" || waitingFor === "map";
    // Items are run again by whoever works on their map.
    if (item === -1) this.due.set(node, status === "waiting" ? dueAt : isBefore ? deadlineAt : null);
    this.ready.set(node, node.readyAt);
    this.queued.set(node, dispatchedAt);
    if (status !== "running" || worker === null) return;
    const rows = this.running.get(worker);
    if (rows) rows.add(node);
    else this.running.set(worker, new Set([node]));
  }

  #leave(node: MemoryNode): void {
    const { status, worker } = node.record;
    if (status !== "running" || worker === null) return;
    const rows = this.running.get(worker);
    rows?.delete(node);
    if (rows?.size === 0) this.running.delete(worker);
  }

  /** The run is deleted, and all that it has here. */
  remove(run: MemoryRun): void {
    this.runs.delete(run.header.id);
    for (const node of run.nodes.values()) {
      this.#leave(node);
      this.held.delete(node);
      for (const index of [this.due, this.ready, this.queued]) index.set(node, null);
    }
    this.unread.set(run, null);
    this.deadLetters.forget(run.header.id);
    const ends = this.childEnds.filter(({ runId }) => runId !== run.header.id);
    this.childEnds.splice(0, this.childEnds.length, ...ends);
  }

  /** The run's inbox has changed. */
  noteInbox(run: MemoryRun): void {
    let oldest: number | null = null;
    for (const message of run.inbox.values()) {
      if (message.kept) continue;
      oldest = message.receivedAt;
      break;
    }
    this.unread.set(run, oldest);
  }
}
