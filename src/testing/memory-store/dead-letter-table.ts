/** Dead letters: written with the rows that open and resolve them, read by people. */
import { FlowForgeError } from "../../core/errors.ts";
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterPage,
  Resolution,
} from "../../core/ports/dead-letter.ts";
import type { NodeWrite } from "../../core/ports/commit.ts";
import type { AttemptRecord, Page } from "../../core/ports/store.ts";
import type { NodeRecord, RunHeader } from "../../core/ports/stored-run.ts";
import type { FeedTable } from "./feed-table.ts";
import { parsed } from "./json-text.ts";

const MAX_LIMIT = 1_000;
const NO_ERROR = { class: "unknown", message: "no error was recorded" };

/** `version` and `firstAttemptAt` are looked up when it is read. */
type StoredLetter = Omit<DeadLetter, "version" | "firstAttemptAt" | "input"> & {
  readonly order: number;
  /** JSON text. */
  readonly input: string | undefined;
};

/** What this table reads of a run. */
export interface LetterRun {
  readonly header: RunHeader;
  readonly attempts: readonly AttemptRecord[];
}

/** A row that is written, as it was and as it will be. */
export interface LetterChange {
  readonly run: LetterRun;
  readonly write: Pick<NodeWrite, "fingerprint" | "resolution">;
  readonly before: NodeRecord | undefined;
  readonly after: NodeRecord;
  /** JSON text. */
  readonly input: string | undefined;
  readonly now: number;
}

export class DeadLetterTable {
  #letters: StoredLetter[] = [];
  #count = 0;
  readonly #feed: FeedTable;

  constructor(feed: FeedTable) {
    this.#feed = feed;
  }

  note(change: LetterChange): void {
    const { before, after, write, run, now } = change;
    const again = before?.fence !== after.fence;
    if (before?.failure === "open" && (after.failure !== "open" || again)) this.#resolve(change);
    if (after.failure !== "open" || (before?.failure === "open" && !again)) return;
    const order = ++this.#count;
    const { node, item, fence, generation, attempt } = after;
    this.#letters.push({
      id: String(order),
      order,
      runId: run.header.id,
      workspace: run.header.workspace,
      workflow: run.header.workflow,
      node,
      item,
      fence,
      generation,
      attempts: attempt,
      fingerprint: write.fingerprint ?? "",
      error: after.error ?? NO_ERROR,
      input: change.input,
      openedAt: now,
      resolvedAt: null,
      resolution: null,
      resolvedBy: null,
      resolutionId: null,
    });
    this.#tell("dead_letter.opened", this.#letters.at(-1)!, now);
  }

  forget(runId: string): void {
    this.#letters = this.#letters.filter((letter) => letter.runId !== runId);
  }

  #resolve({ run, write, after, now }: LetterChange): void {
    const at = this.#letters.findIndex(
      (letter) =>
        letter.runId === run.header.id &&
        letter.node === after.node &&
        letter.item === after.item &&
        letter.resolvedAt === null,
    );
    if (at < 0) return;
    this.#letters[at] = {
      ...this.#letters[at]!,
      resolvedAt: now,
      resolution: resolutionOf(after),
      resolvedBy: write.resolution?.by ?? null,
      resolutionId: write.resolution?.id ?? null,
    };
    this.#tell("dead_letter.resolved", this.#letters[at]!, now);
  }

  #tell(type: "dead_letter.opened" | "dead_letter.resolved", letter: StoredLetter, at: number): void {
    const { workspace, runId, workflow, node, id: deadLetterId } = letter;
    this.#feed.note({ type, at, workspace, runId, workflow, node, deadLetterId });
  }

  page(runs: ReadonlyMap<string, LetterRun>, filter: DeadLetterPage): Page<DeadLetter> {
    const { limit, cursor } = filter;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
    const before = cursor === undefined ? null : parseCursor(cursor);
    const found = this.#find(filter).filter((letter) => before === null || newestFirst(before, letter) < 0);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map((letter) => this.#deadLetter(letter, runs.get(letter.runId)!)),
      cursor: found.length > limit && last ? `${last.openedAt}.${last.order}` : null,
    };
  }

  /** Open and resolved ones. */
  ofRun(runId: string): readonly Pick<DeadLetter, "error">[] {
    return this.#letters.filter((letter) => letter.runId === runId);
  }

  groups(filter: DeadLetterFilter): readonly DeadLetterGroup[] {
    const groups = new Map<string, DeadLetterGroup>();
    // Newest first: the first of a group is its last.
    for (const { workflow, fingerprint, node, error, openedAt } of this.#find(filter)) {
      const key = JSON.stringify([workflow, fingerprint, node, error.class]);
      const known = groups.get(key);
      groups.set(key, {
        workflow,
        fingerprint,
        node,
        errorClass: error.class,
        count: (known?.count ?? 0) + 1,
        firstAt: openedAt,
        lastAt: known?.lastAt ?? openedAt,
        message: known?.message ?? error.message,
      });
    }
    return [...groups.values()].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt).slice(0, MAX_LIMIT);
  }

  #find(filter: DeadLetterFilter): StoredLetter[] {
    return this.#letters.filter((letter) => matches(letter, filter)).sort(newestFirst);
  }

  #deadLetter(stored: StoredLetter, run: LetterRun): DeadLetter {
    const { order: _, input, ...letter } = stored;
    const { runId, node, item, generation } = letter;
    const older = this.#letters.filter(
      (other) =>
        other.runId === runId && other.node === node && other.item === item && other.generation < generation,
    );
    const lastOther = Math.max(0, ...older.map(({ fence }) => fence));
    const starts = run.attempts
      .filter((attempt) => attempt.node === node && attempt.item === item && attempt.fence > lastOther)
      .flatMap(({ startedAt }) => (startedAt === null ? [] : [startedAt]));
    return {
      ...letter,
      version: run.header.version,
      firstAttemptAt: starts.length > 0 ? Math.min(...starts) : null,
      input: parsed(input),
    };
  }
}

function resolutionOf({ failure, status }: NodeRecord): Resolution {
  if (failure === "discarded" || failure === "compensated") return failure;
  return status === "succeeded" ? "completed" : "redriven";
}

function matches(letter: StoredLetter, filter: DeadLetterFilter): boolean {
  const { ids, open, openedAfter, openedBefore } = filter;
  const same = (wanted: string | undefined, has: string): boolean => wanted === undefined || wanted === has;
  return (
    letter.workspace === filter.workspace &&
    (ids === undefined || ids.includes(letter.id)) &&
    same(filter.runId, letter.runId) &&
    same(filter.workflow, letter.workflow) &&
    same(filter.node, letter.node) &&
    same(filter.errorClass, letter.error.class) &&
    same(filter.fingerprint, letter.fingerprint) &&
    (open === undefined || open === (letter.resolvedAt === null)) &&
    (openedAfter === undefined || letter.openedAt >= openedAfter) &&
    (openedBefore === undefined || letter.openedAt < openedBefore)
  );
}

type Place = Pick<StoredLetter, "openedAt" | "order">;

function newestFirst(a: Place, b: Place): number {
  return b.openedAt - a.openedAt || b.order - a.order;
}

function parseCursor(cursor: string): Place {
  const match = /^(\d+)\.(\d+)$/.exec(cursor);
  if (!match) throw wrongOption("cursor", "the cursor of the page before");
  return { openedAt: Number(match[1]), order: Number(match[2]) };
}

function wrongOption(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${name}"`,
    expected,
    next: "Correct the call.",
  });
}
