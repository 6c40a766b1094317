/** What a host holds of a run: its id, its result, its status and what happens in it. */
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { RunDetail, Store } from "../core/ports/store.ts";
import type { NodeRecord, StoredRun } from "../core/ports/stored-run.ts";
import type { NodeStatus, RunStatus, WaitReason } from "../core/run/state.ts";
import type { Loader } from "../worker/loader.ts";
import type { MessageOptions } from "./message-options.ts";
import type { RunControl } from "./run-control.ts";
import type { CancelOptions } from "./call-options.ts";
import type { Pledge } from "./transactions.ts";
import { RunCancelledError, RunFailedError } from "./run-errors.ts";
import type { Ended, Watch } from "./watch.ts";

const RESTING: ReadonlySet<RunStatus> = new Set(["succeeded", "failed", "cancelled"]);

/** What `events()` yields: the run's or a node's status, whenever it is another one than before. */
export type RunMove =
  | { readonly type: "run"; readonly status: RunStatus }
  | {
      readonly type: "node";
      readonly node: string;
      readonly status: NodeStatus;
      /** Why it waits; `null` where it does not. */
      readonly waitingFor: WaitReason | null;
      readonly outcome: string | null;
      readonly attempt: number;
      readonly error: { readonly class: string; readonly message: string } | null;
      /** Milliseconds since 1970 by the store's clock. */
      readonly startedAt: number | null;
      readonly finishedAt: number | null;
    };

/** What one look at a run found new. */
export interface RunLook {
  /** Where the run was: for `after`. */
  readonly seq: number;
  readonly moves: readonly RunMove[];
}

export interface RunLookOptions {
  /** `seq` of the last look that was seen. Default: from the beginning. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

export interface RunHandleParts {
  readonly id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly store: Store;
  readonly loader: Loader;
  readonly watch: Watch;
  readonly control: RunControl;
  /** Whether this process works on the run right now, and so will see it move. */
  readonly isUnderWay: (runId: string) => boolean;
  /** Hands over what is ready. `false`: there is no such run. */
  readonly dispatch: (run: { readonly id: string; readonly workspace: string }) => Promise<boolean>;
  /** The transaction that the start is part of. None: the run is durable. */
  readonly pledge?: Pledge;
}

export class RunHandle<Output = Json> {
  readonly id: string;
  readonly workspace: string;
  readonly workflow: string;
  readonly #parts: RunHandleParts;
  /** The run was there once. */
  #seen = false;

  /** @internal */
  constructor(parts: RunHandleParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.workspace = parts.workspace;
    this.workflow = parts.workflow;
  }

  /**
   * Waits until the run comes to rest. Resolves with its output.
   *
   * Throws `RunFailedError` (its open dead letters listed), `RunCancelledError`, or `run_timeout` when `timeout` passes first;
   * the run goes on then. Default: no timeout.
   *
   * Of a run that was started with `tx` it waits for the commit too, and goes on waiting where there never is one: give it a
   * `timeout`. Inside `engine.transaction` that could not end, so there it throws `run_not_committed`, and after its rollback
   * `run_not_found`.
   */
  async result(options: { readonly timeout?: Duration } = {}): Promise<Output> {
    const { timeout } = options;
    const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout, "result({ timeout })");
    const ended = await this.#parts.watch.until(this.id, {
      look: (ended) => ended ?? this.#ended(),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    if (!ended) throw this.#timedOut(timeoutMs ?? 0);
    if (ended.status === "succeeded") return (ended.output ?? null) as Output;
    const detail = await this.detail();
    throw ended.status === "failed" ? new RunFailedError(detail) : new RunCancelledError(detail);
  }

  /** The run's status now. Throws `run_not_found` when there is no such run any more. */
  async status(): Promise<RunStatus> {
    return (await this.#stored()).header.status;
  }

  /** The whole run: input, output, node runs and failed attempts. */
  async detail(): Promise<RunDetail> {
    const detail = await this.#parts.store.run(this.workspace, this.id);
    if (!detail) throw this.#notFound();
    return detail;
  }

  /**
   * What happens in the run, from its beginning until it comes to rest. Each item is a status as it is now: a node that went
   * through several while nobody looked is reported once, with the last.
   */
  async *events(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RunMove> {
    for await (const { moves } of this.looks(options)) yield* moves;
  }

  /**
   * As `events()`, look by look. A later call with `after` goes on where this one was, in another process too: what has changed since
   * that look, and the end where the run is at rest.
   */
  async *looks(options: RunLookOptions = {}): AsyncGenerator<RunLook> {
    let seq = options.after ?? -1;
    let status: RunStatus | undefined;
    let isFirst = true;
    while (!options.signal?.aborted) {
      const since = seq;
      const mayRest = isFirst;
      isFirst = false;
      const stored = await this.#parts.watch.until(this.id, {
        look: () => this.#newer(since, mayRest),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (!stored) return;
      seq = stored.header.seq;
      const moves: RunMove[] = stored.nodes.map(nodeMove);
      if (stored.header.status !== status)
        moves.push({ type: "run", status: (status = stored.header.status) });
      yield { seq, moves };
      if (RESTING.has(status)) return;
    }
  }

  /**
   * For a run that was started with `tx`, after the commit: its first nodes start now. Without it they do so within about a
   * second. For any other run, and twice, it does no harm.
   *
   * Throws `run_not_found` where the transaction is not committed, or was rolled back; inside `engine.transaction`, which calls
   * this itself after its commit, `run_not_committed`.
   */
  async dispatch(): Promise<void> {
    if (!(await this.#parts.dispatch(this))) throw this.#notFound();
  }

  /** Ends the run. See `runs.cancel`. */
  cancel(options: Omit<CancelOptions, "workspace"> = {}): Promise<void> {
    return this.#operate("cancel", options);
  }

  /** Lets what runs end, and starts nothing new. See `runs.pause`. */
  pause(): Promise<void> {
    return this.#operate("pause");
  }

  /** Lets a paused run go on. See `runs.resume`. */
  resume(): Promise<void> {
    return this.#operate("resume");
  }

  /** Sends a signal to the run. See `runs.signal`. */
  signal(
    name: string,
    payload: unknown = null,
    options: Omit<MessageOptions, "workspace"> = {},
  ): Promise<{ readonly repeated: boolean }> {
    const { id, workspace } = this;
    return this.#parts.control.signal(id, { name, payload, options: { ...options, workspace } });
  }

  #operate(kind: "cancel" | "pause" | "resume", options: object = {}): Promise<void> {
    return this.#parts.control.operate(kind, this.id, { ...options, workspace: this.workspace });
  }

  async #newer(seq: number, mayRest: boolean) {
    const stored = this.#found(await this.#parts.loader.load({ runId: this.id, since: Math.max(0, seq) }));
    if (!stored) return undefined;
    return stored.header.seq > seq || (mayRest && RESTING.has(stored.header.status)) ? stored : undefined;
  }

  async #ended(): Promise<Ended | undefined> {
    if (this.#parts.isUnderWay(this.id)) return undefined;
    const stored = this.#found(await this.#look());
    if (!stored) return undefined;
    const { header, output } = stored;
    return RESTING.has(header.status) ? { status: header.status, output } : undefined;
  }

  async #stored(): Promise<StoredRun> {
    const stored = await this.#look();
    if (stored?.header.workspace !== this.workspace) throw this.#notFound();
    return stored;
  }

  /** The header and the output: no row is newer than that `since`. */
  #look(): Promise<StoredRun | null> {
    const { loader } = this.#parts;
    return loader.load({ runId: this.id, since: Number.MAX_SAFE_INTEGER, withOutput: true });
  }

  /** `undefined`: a transaction of the caller's may still bring it. */
  #found(stored: StoredRun | null): StoredRun | undefined {
    const { pledge } = this.#parts;
    if (!stored && pledge && !pledge.isOwn && !this.#seen) return undefined;
    if (stored?.header.workspace !== this.workspace) throw this.#notFound();
    this.#seen = true;
    return stored;
  }

  #notFound(): FlowForgeError {
    if (this.#parts.pledge?.isOpen()) {
      return new FlowForgeError("run_not_committed", {
        subject: `run ${this.id} of workflow "${this.workflow}"`,
        expected: "engine.transaction to be over",
        next: "Return the handle from the transaction, and ask it then.",
      });
    }
    return new FlowForgeError("run_not_found", {
      subject: `run ${this.id}`,
      next: "Check the id and the workspace; runs that finished long ago are deleted by retention.",
    });
  }

  #timedOut(ms: number): FlowForgeError {
    return new FlowForgeError("run_timeout", {
      subject: `run ${this.id} of workflow "${this.workflow}"`,
      expected: `a result within ${ms} ms`,
      next: "The run goes on; ask again with result(), or look at status().",
    });
  }
}

function nodeMove(row: NodeRecord): RunMove {
  const { node, status, waitingFor, outcome, attempt, error, startedAt, finishedAt } = row;
  return { type: "node", node, status, waitingFor, outcome, attempt, error, startedAt, finishedAt };
}
