/** Executes a claimed node run: attempt after attempt, until its outcome is recorded or the node belongs to somebody else. */
import type { BreakerKey } from "../core/breaker/key.ts";
import { type RetryPolicy, resolveRetry } from "../core/definition/retry.ts";
import type { FailureVerdict, RunEvent } from "../core/run/event.ts";
import type { ActiveRun } from "./active-run.ts";
import { type Attempt, failedForGood, type Outcome } from "./attempt.ts";
import type { BreakerUse } from "./breakers/breaker-uses.ts";
import type { Held, RunEnvironment } from "./environment.ts";
import type { Grants } from "./grants.ts";
import type { IntentResult } from "./intent.ts";
import { grantsOf, memosOf, newAttempt } from "./new-attempt.ts";
import { parkMs } from "./retry-pause.ts";
import { noRoom } from "./run-size.ts";
import { AttemptTransaction } from "./transaction.ts";
import type { Claim } from "./turn-result.ts";

export interface ExecutionOptions extends Claim {
  readonly env: RunEnvironment<ActiveRun>;
  readonly run: ActiveRun;
  readonly retry: Partial<RetryPolicy> | null;
  /** A pause before the attempt (immediate retries). */
  readonly delayMs: number;
  /** A late answer met another fence: this worker was too slow, and nothing was recorded. */
  readonly onFenced: () => void;
}

export class Execution implements Held {
  readonly fence: number;
  readonly #options: ExecutionOptions;
  #attempt: Attempt | null = null;
  /** Ends the pause before the attempt. */
  #wake: () => void = () => {};
  #cancelled = false;
  #interrupted = false;
  /** The breaker that knows what a failure of this attempt says. */
  #parkedBy: BreakerKey | null = null;
  /** Resolves when the host's code has ended and its place is free again. */
  readonly done: Promise<void>;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.fence = options.fence;
    this.done = this.#execute();
  }

  /** What the next attempt takes over from this one. */
  get claim(): Claim {
    return this.#options;
  }

  /** Told again and again while the run is cancelled; the grace counts from the first time. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#wake();
    this.#attempt?.cancel();
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#wake();
    this.#attempt?.interrupt();
  }

  async #execute(): Promise<void> {
    if (this.#options.delayMs > 0) await this.#sleep(this.#options.delayMs);
    const { env } = this.#options;
    if (this.#interrupted) return this.#leave();
    // Cancelled between two attempts: nothing is under way, and nothing begins.
    if (this.#cancelled) return this.#giveBack();
    const begun = env.breakers?.begin(this.#use());
    const grants = grantsOf(this.#options);
    const transaction = this.#newTransaction(grants);
    const attempt = (this.#attempt = newAttempt({ ...this.#options, item: -1 }, grants, transaction));
    let ended = false;
    void attempt.ended.then(() => (ended = true));
    const outcome = await attempt.outcome;
    if (begun) this.#parkedBy = env.breakers!.ended(begun, outcome);
    if (transaction && outcome.type === "succeeded") return this.#commit(outcome, { attempt, transaction });
    // Only then is it recorded that nothing has happened.
    await transaction?.rollback();
    if (outcome.type === "interrupted") {
      await attempt.ended;
      return this.#leave();
    }
    // An action that goes on after its timeout keeps its place until it ends; only then is there room again.
    await Promise.resolve();
    this.#submit(outcome, ended);
    if (ended) return;
    await attempt.ended;
    this.#leave();
  }

  #use(): BreakerUse {
    const { run, node, action, input } = this.#options;
    const { workspace, workflow } = run.identity!;
    return { workspace, workflow, node, action, input };
  }

  /** Nothing takes the place over. */
  #leave(): void {
    const { env, run } = this.#options;
    env.leave(run.identity!.workspace, 1);
    run.ended();
  }

  /** The result is recorded in the transaction of the action, or nothing is. */
  async #commit(
    { output, bytes }: Extract<Outcome, { type: "succeeded" }>,
    { attempt, transaction }: { attempt: Attempt; transaction: AttemptTransaction },
  ): Promise<void> {
    const { env, run, node, fence } = this.#options;
    // Found out before: its writes must not be committed beside a failure.
    const what = `the output of node "${node.id}"`;
    const refused = noRoom({ what, bytes, used: run.bytes }, env.limits);
    if (refused) {
      await transaction.rollback();
      return this.#submit(failedForGood(refused), true);
    }
    const event = { type: "succeeded", node: node.index, fence, output } as const;
    const { commit } = transaction;
    const result = await new Promise<IntentResult>((settle) =>
      run.add({ intent: { type: "event", event, bytes }, place: run.identity!.workspace, commit, settle }),
    );
    // Where nobody knows whether it was committed, it was if this comes too late: the run was locked until then.
    if (transaction.error !== null) return this.#submit(attempt.uncommitted(transaction.error), false);
    this.#settled(result);
  }

  #newTransaction(grants: Grants): AttemptTransaction | undefined {
    const { env, action } = this.#options;
    if (action.effect !== "transactional") return undefined;
    return new AttemptTransaction(env.store.transactions, memosOf({ ...this.#options, item: -1 }, grants));
  }

  #giveBack(): void {
    const { run, node, fence } = this.#options;
    const event = { type: "released", node: node.index, fence } as const;
    run.add({
      intent: { type: "event", event },
      place: run.identity!.workspace,
      settle: (result) => this.#settled(result),
    });
  }

  #submit(outcome: Exclude<Outcome, { type: "interrupted" }>, place: boolean): void {
    const { run } = this.#options;
    const possiblyDuplicated = outcome.type === "failed" && outcome.possiblyDuplicated;
    const measured = outcome.type === "succeeded" ? { bytes: outcome.bytes } : {};
    run.add({
      intent: { type: "event", event: this.#event(outcome), possiblyDuplicated, ...measured },
      place: place ? run.identity!.workspace : null,
      settle: (result) => this.#settled(result),
    });
  }

  #event(outcome: Exclude<Outcome, { type: "interrupted" }>): RunEvent {
    const { env, run, node, action, fence, retry } = this.#options;
    if (outcome.type === "succeeded")
      return { type: "succeeded", node: node.index, fence, output: outcome.output };
    const policy = resolveRetry([node.retry, action.retry, run.plan!.retry, retry]);
    const { error } = outcome;
    const by = this.#parkedBy;
    const verdict: FailureVerdict =
      by && outcome.verdict.type === "retry"
        ? { type: "parked", by, delayMs: parkMs(env.random()) }
        : outcome.verdict;
    return { type: "failed", node: node.index, fence, error, verdict, retry: policy, random: env.random() };
  }

  #settled(result: IntentResult): void {
    const { run, node } = this.#options;
    // The same node may already be held again, by its next attempt.
    if (run.held.get(node.index) === this) run.held.delete(node.index);
    if (result !== "applied" && !this.#interrupted) this.#options.onFenced();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const delay = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(delay);
        resolve();
      };
    });
  }
}
