/**
 * `commit`: a batch as one statement (see `commit-statement.ts`), and what its errors mean for the entries.
 *
 * - Refused entries come back from the statement with their reason; nothing of them was written.
 * - The server's refusal of a value fails the whole statement. The batch is then split in halves until the bad entry stands
 *   alone, so that it fails alone.
 * - A connection that breaks while the statement is under way leaves the outcome unknown: `commit_outcome_unknown`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { FlowForgeError } from "../core/errors.ts";
import type { CommitEntry, Verdict } from "../core/ports/commit.ts";
import { commitValues } from "./commit-columns.ts";
import { isPlaceTaken } from "./commit-gates.ts";
import { batchRows, shapeKey, shapeOf } from "./commit-rows.ts";
import { commitText } from "./commit-statement.ts";
import {
  errorCode,
  isConnectionError,
  isLockTimeout,
  isRetryable,
  isServerFault,
  outcomeUnknown,
} from "../postgres-connection/failures.ts";
import { isRunId } from "./names.ts";
import type { ConnectionPool, Sender, Session, Statement } from "../postgres-connection/pool.ts";

const MAX_RETRIES = 5;

type Texts = Map<string, string>;

export interface CommitStatements {
  statement(entries: readonly CommitEntry[]): Statement;
}

/** Statement texts by shape, made once each. */
export function commitStatements(schema: string): CommitStatements {
  const texts: Texts = new Map();
  return {
    statement(entries) {
      const rows = batchRows(entries);
      const shape = shapeOf(rows);
      const key = shapeKey(shape);
      let text = texts.get(key);
      if (text === undefined) texts.set(key, (text = commitText(schema, shape)));
      return { name: `flowforge_commit_${key}`, text, values: commitValues(rows, shape) };
    },
  };
}

interface Refusals {
  readonly refused: string | null;
}

const LETTERS: { readonly [letter: string]: Verdict } = {
  g: { type: "gone" },
  m: { type: "moved" },
  l: { type: "locked" },
  t: { type: "taken" },
  c: { type: "contended" },
  f: { type: "full" },
};

/** Sends one batch over this session. Throws what the driver throws. */
export async function sendBatch(
  session: Sender,
  statements: CommitStatements,
  entries: readonly CommitEntry[],
): Promise<Verdict[]> {
  const [row] = await session.query<Refusals>(statements.statement(entries));
  const verdicts = entries.map((entry): Verdict => ({ type: "committed", seq: entry.seq + 1 }));
  for (const part of row?.refused?.split(",") ?? []) {
    verdicts[Number.parseInt(part, 10) - 1] = LETTERS[part.at(-1)!]!;
  }
  return verdicts;
}

export class BatchCommit {
  readonly #pool: ConnectionPool;
  readonly #statements: CommitStatements;

  constructor(pool: ConnectionPool, statements: CommitStatements) {
    this.#pool = pool;
    this.#statements = statements;
  }

  /** See `Store.commit`. Rejects with `postgres_unreachable` (nothing was sent) or `commit_outcome_unknown`. */
  async commit(entries: readonly CommitEntry[]): Promise<readonly Verdict[]> {
    const verdicts = new Array<Verdict>(entries.length);
    const order: number[] = [];
    const keys = new KeysOfBatch();
    entries.forEach((entry, index) => {
      if (!isRunId(entry.runId)) verdicts[index] = impossibleRun(entry);
      else if (keys.isRepeated(entry)) verdicts[index] = { type: "locked" };
      else if (keys.isClaimed(entry)) verdicts[index] = { type: "contended" };
      else order.push(index);
    });
    // One order of locks for everybody, although nothing here waits for one.
    order.sort((a, b) => (entries[a]!.runId < entries[b]!.runId ? -1 : 1));
    assertDistinct(order.map((index) => entries[index]!.runId));
    if (order.length > 0) {
      const answers = await this.#pool.use((session) =>
        this.#commitOver(
          session,
          order.map((index) => entries[index]!),
        ),
      );
      order.forEach((index, place) => (verdicts[index] = answers[place]!));
    }
    return verdicts;
  }

  async #commitOver(session: Session, entries: readonly CommitEntry[], retries = 0): Promise<Verdict[]> {
    try {
      return await sendBatch(session, this.#statements, entries);
    } catch (error) {
      if (isConnectionError(error)) throw outcomeUnknown(this.#pool.target, error);
      if (isServerFault(error)) throw error;
      if ((isRetryable(error) || isPlaceTaken(error)) && retries < MAX_RETRIES) {
        await pause(Math.random() * 10 * 2 ** retries);
        return this.#commitOver(session, entries, retries + 1);
      }
      if (entries.length > 1) {
        const middle = entries.length >> 1;
        const first = await this.#commitOver(session, entries.slice(0, middle));
        return [...first, ...(await this.#commitOver(session, entries.slice(middle)))];
      }
      return [loneVerdict(entries[0]!, error)];
    }
  }
}

/** The statement checks that every node row it changes was there, and divides by zero where one was not. */
const DIVISION_BY_ZERO = "22012";

/** What the error of an entry that stood alone means. */
export function loneVerdict(entry: CommitEntry, error: unknown): Verdict {
  if (isLockTimeout(error) || isRetryable(error) || isPlaceTaken(error)) return { type: "locked" };
  // Two starts of one run at once: the other one was first.
  if (entry.start && errorCode(error) === "23505" && constraintOf(error) === "runs_pkey")
    return { type: "moved" };
  return { type: "failed", error: errorCode(error) === DIVISION_BY_ZERO ? rowsMissing(entry, error) : error };
}

function rowsMissing(entry: CommitEntry, cause: unknown): FlowForgeError {
  return new FlowForgeError("internal", {
    subject: `run "${entry.runId}"`,
    received: "a change of a node run that is not there, or two changes of one",
    next: "Please report this with the version of FlowForge.",
    cause,
  });
}

function constraintOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "constraint" in error ? error.constraint : undefined;
}

/** Of two starts with one key the second comes again: the statement's insert would meet the first one's row, which nobody sees yet. */
class KeysOfBatch {
  readonly #seen = new Set<string>();

  isRepeated({ start }: CommitEntry): boolean {
    if (!start?.key) return false;
    const { size } = this.#seen;
    return this.#seen.add(JSON.stringify([start.workspace, start.key.scope, start.key.key])).size === size;
  }

  /** The same with two claims of a key of an action: the second one has lost. */
  isClaimed({ actionKeys = [] }: CommitEntry): boolean {
    const claims = actionKeys.flatMap((write) => (write.type === "claim" ? [write] : []));
    const texts = claims.map(({ workspace, action, key }) =>
      JSON.stringify(["action", workspace, action, key]),
    );
    if (texts.some((text) => this.#seen.has(text))) return true;
    for (const text of texts) this.#seen.add(text);
    return false;
  }
}

function assertDistinct(sorted: readonly string[]): void {
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] !== sorted[i - 1]) continue;
    throw new FlowForgeError("internal", {
      subject: `run "${sorted[i]}"`,
      received: "two entries of one batch for the same run",
      next: "Please report this with the version of FlowForge.",
    });
  }
}

/** No run has an id that is not a UUID, and none can get one. */
export function impossibleRun(entry: CommitEntry): Verdict {
  return entry.start ? { type: "failed", error: notAnId(entry.runId) } : { type: "gone" };
}

function notAnId(id: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: "a run's id",
    expected: "a UUID in lower case",
    received: JSON.stringify(id.slice(0, 80)),
    next: "Make ids with the engine, or as UUIDs.",
  });
}
