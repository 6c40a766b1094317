/** Reading runs: for the engine (`load`, `inputs`) and for whoever looks (`run`, `runs`). */
import { FlowForgeError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { ListenerQuery, MessageBody, StoredMessage } from "../../core/ports/message.ts";
import type { Page, RunDetail, RunFilter } from "../../core/ports/store.ts";
import type { LoadRequest, RunHeader, StoredRun } from "../../core/ports/stored-run.ts";
import { parsed } from "./json-text.ts";
import { mapOutput } from "./map-table.ts";
import type { ErrorRecord } from "../../core/run/event.ts";
import {
  nodeKey,
  runBytes,
  type Tables,
  type MemoryMessage,
  type MemoryNode,
  type MemoryRun,
} from "./tables.ts";

const MAX_LIMIT = 1_000;
const CURSOR = /^(\d+)\.([0-9a-f-]{36})$/;

export function storedRun(run: MemoryRun, request: LoadRequest): StoredRun {
  const since = request.since ?? 0;
  const records = ownNodes(run).map((node) => node.record);
  return {
    header: run.header,
    bytes: runBytes(run),
    nodes: records.filter((record) => record.seq > since),
    inbox: [...run.inbox.values()].map(storedMessage),
    outputs: outputsOf(run, request.outputs ?? []),
    ...(request.withOutput ? runOutput(run) : {}),
    ...(request.withInput ? { input: parsed(run.input), triggerPayload: parsed(run.triggerPayload) } : {}),
  };
}

/** Ids of runs that can take this event. */
export function listeningRuns(
  runs: Iterable<MemoryRun>,
  { workspace, event, createdBy = Infinity, after = "", limit }: ListenerQuery,
): readonly string[] {
  return [...runs]
    .filter(({ listens }) => listens.has(event))
    .map(({ header }) => header)
    .filter((run) => run.workspace === workspace && run.createdAt <= createdBy && run.id > after)
    .map(({ id }) => id)
    .sort()
    .slice(0, limit);
}

function runOutput(run: MemoryRun): { readonly output?: Json } {
  const output = parsed(run.output);
  return output === undefined ? {} : { output };
}

function storedMessage({ id, receivedAt, kept, body }: MemoryMessage): StoredMessage {
  return { id, receivedAt, kept, body: JSON.parse(body) as MessageBody };
}

function outputsOf(run: MemoryRun, ids: readonly string[]): ReadonlyMap<string, Json> {
  const outputs = new Map<string, Json>();
  for (const node of ids) {
    const text = run.nodes.get(nodeKey({ node, item: -1 }))?.output;
    const output = text === undefined ? mapOutput(run, node) : parsed(text);
    if (output !== undefined) outputs.set(node, output);
  }
  return outputs;
}

/** Without the items of maps. */
function ownNodes({ nodes }: MemoryRun): MemoryNode[] {
  return [...nodes.values()].filter(({ record }) => record.item === -1);
}

export function runDetail(run: MemoryRun): RunDetail {
  return {
    header: run.header,
    input: parsed(run.input),
    output: parsed(run.output),
    bytes: runBytes(run),
    nodes: ownNodes(run).map((node) => ({
      ...node.record,
      input: parsed(node.input),
      output: parsed(node.output),
    })),
    attempts: [...run.attempts],
  };
}

/** Sorts what the filter lets through: no index, because nothing on a run's way reads lists. */
export function runPage(
  { runs, deadLetters }: Pick<Tables, "runs" | "deadLetters">,
  filter: RunFilter,
): Page<RunHeader> {
  const { limit } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
  }
  const before = filter.cursor === undefined ? null : parseCursor(filter.cursor);
  const found: RunHeader[] = [];
  for (const { header, attempts } of runs.values()) {
    if (!matches(header, filter) || (before !== null && newestFirst(before, header) >= 0)) continue;
    const { error } = filter;
    if (error === undefined || errorsOf(attempts, deadLetters.ofRun(header.id)).some(says(error)))
      found.push(header);
  }
  found.sort(newestFirst);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, cursor: found.length > limit && last ? `${last.createdAt}.${last.id}` : null };
}

function errorsOf(...lists: readonly (readonly { readonly error: ErrorRecord }[])[]): readonly ErrorRecord[] {
  return lists.flat().map(({ error }) => error);
}

/** Has the text in one of the parts that people look for. */
function says(text: string): (error: ErrorRecord) => boolean {
  const sought = text.toLowerCase();
  return ({ class: name, code, message }) =>
    [name, code, message].some((part) => typeof part === "string" && part.toLowerCase().includes(sought));
}

type Place = Pick<RunHeader, "createdAt" | "id">;

function newestFirst(a: Place, b: Place): number {
  return b.createdAt - a.createdAt || (a.id === b.id ? 0 : a.id > b.id ? -1 : 1);
}

function matches(header: RunHeader, filter: RunFilter): boolean {
  return (
    header.workspace === filter.workspace &&
    (filter.workflow === undefined || header.workflow === filter.workflow) &&
    (filter.parent === undefined || header.parent?.runId === filter.parent) &&
    (filter.status === undefined || filter.status.includes(header.status)) &&
    Object.entries(filter.labels ?? {}).every(([name, value]) => header.labels[name] === value) &&
    (filter.createdAfter === undefined || header.createdAt >= filter.createdAfter) &&
    (filter.createdBefore === undefined || header.createdAt < filter.createdBefore)
  );
}

function parseCursor(cursor: string): Place {
  const match = CURSOR.exec(cursor);
  if (!match) throw wrongOption("cursor", "the cursor of the page before");
  return { createdAt: Number(match[1]), id: match[2]! };
}

function wrongOption(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${name}"`,
    expected,
    next: "Correct the call.",
  });
}
