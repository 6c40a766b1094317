/** One attempt of an action: runs host code under a timeout and an abort signal, and says what came of it. */
import { type AttemptTransaction, NO_TRANSACTION } from "./transaction.ts";
import { listIssues } from "./prepare.ts";
import { effectOf, type RegisteredAction } from "../actions/registry.ts";
import type { ActionContext, FailureMeaning, Verification } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";
import { classifyFailure, isMarked } from "../core/run/classify.ts";
import type { ErrorRecord, FailureVerdict } from "../core/run/event.ts";
import { checkValue, type ValueLimits } from "../core/values.ts";
import type { Secrets } from "../security/redaction.ts";

export type Outcome =
  | { readonly type: "succeeded"; readonly output: Json; readonly bytes: number }
  | {
      readonly type: "failed";
      readonly error: ErrorRecord;
      readonly verdict: FailureVerdict;
      readonly possiblyDuplicated: boolean;
    }
  /** Stopped before it was done, because the worker ends or no longer owns the node. */
  | { readonly type: "interrupted" };

export type Failed = Extract<Outcome, { type: "failed" }>;

export interface AttemptOptions {
  readonly action: RegisteredAction;
  readonly context: Omit<ActionContext<Json>, "signal" | "tx">;
  /** Of a `transactional` action. Whoever takes the outcome ends it. */
  readonly transaction?: Pick<AttemptTransaction, "begin">;
  readonly timeoutMs: number;
  /** Runs the host's code in a context of its own. None: in no other one. */
  readonly within?: <T>(work: () => T) => T;
  /** No attempt of the node run was begun before, so there is nothing to verify. */
  readonly isFirst: boolean;
  /** How long an action that was told to stop because of a cancel may take. */
  readonly graceMs: number;
  readonly limits: ValueLimits;
  /** What the attempt must not leave behind. */
  readonly secrets: Secrets;
  /** Milliseconds since 1970 by the store's clock. */
  readonly now: () => number;
}

const MEANINGS: ReadonlySet<unknown> = new Set<FailureMeaning>(["retry", "permanent", "unknown"]);

export class Attempt {
  readonly #options: AttemptOptions;
  readonly #controller = new AbortController();
  #settle: (outcome: Outcome) => void = () => {};
  #settled = false;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves with the outcome: of the action, of its timeout, or of an interruption; whichever is first. */
  readonly outcome: Promise<Outcome>;
  /** Resolves when the host's code has really ended, which may be later. Only then is its place free. */
  readonly ended: Promise<void>;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.outcome = new Promise((resolve) => {
      this.#settle = (outcome) => {
        if (this.#settled) return;
        this.#settled = true;
        clearTimeout(this.#timer);
        resolve(redacted(outcome, options.secrets));
      };
    });
    this.#arm(options.timeoutMs, () => this.#timeout());
    const { within = (work) => work() } = options;
    this.ended = within(() => this.#run());
  }

  /** Nobody wants the node any more: the action is told, and has the grace to end. What it answers is recorded. */
  cancel(): void {
    this.#controller.abort(new DOMException("This step was cancelled.", "AbortError"));
    if (!this.#settled)
      this.#arm(this.#options.graceMs, () =>
        this.#unknown("cancelled", "did not stop in time after a cancel"),
      );
  }

  /** The worker gives the node up: the action is told, and nothing it answers is recorded. */
  interrupt(): void {
    this.#controller.abort(new DOMException("The worker gave this node up.", "AbortError"));
    this.#settle({ type: "interrupted" });
  }

  async #run(): Promise<void> {
    const { action, context, transaction } = this.#options;
    try {
      const known = await this.#verify();
      // Its time was up meanwhile, or nobody wants it any more.
      if (this.#settled) return;
      if (known) return this.#settle(known);
      const { signal } = this.#controller;
      const within = await transaction?.begin(signal);
      if (this.#settled) return;
      const result: unknown = await action.action.run({ ...context, tx: NO_TRANSACTION, ...within, signal });
      if (!this.#settled) this.#settle(this.#accept(result));
    } catch (error) {
      if (!this.#settled) this.#settle(this.#reject(error, this.#said(error)));
    }
  }

  /** What is known of the attempts before; `null`: none of them took effect. */
  async #verify(): Promise<Outcome | null> {
    const { action, context, isFirst } = this.#options;
    if (isFirst || action.action.verify === undefined) return null;
    const subject = `verify() of action "${action.action.name}"`;
    let answer: Verification<unknown>;
    try {
      answer = await action.action.verify({
        ...context,
        tx: NO_TRANSACTION,
        signal: this.#controller.signal,
      });
    } catch (error) {
      // To ask changes nothing, so to ask again does no harm.
      const { verdict, error: record } = classifyFailure(error, "readonly", { now: this.#options.now() });
      const message = `${subject} failed: ${record.message}`;
      return verdict.type === "permanent"
        ? inDoubt(message)
        : { type: "failed", error: { ...record, message }, verdict, possiblyDuplicated: false };
    }
    // What comes from JavaScript may be anything.
    switch (answer?.outcome) {
      case "happened":
        return this.#accept(answer.output);
      case "didNotHappen":
        return null;
      default:
        return inDoubt(`${subject} could not say whether an earlier attempt took effect.`);
    }
  }

  #accept(result: unknown): Outcome {
    const { action, limits } = this.#options;
    const schema = action.action.output;
    const parsed = schema?.safeParse(result);
    if (parsed && !parsed.success) {
      return this.#refuse("invalid_output", `does not fit its schema: ${listIssues(parsed.error.issues)}`);
    }
    const checked = checkValue(parsed ? parsed.data : result, limits);
    if (checked.ok) return { type: "succeeded", output: checked.value, bytes: checked.bytes };
    const at = checked.problem.path.length > 0 ? ` at ${checked.problem.path.join(".")}` : "";
    return this.#refuse("invalid_output", `cannot be stored:${at} ${checked.problem.message}`);
  }

  #refuse(errorClass: string, what: string): Outcome {
    const message = `The output of action "${this.#options.action.action.name}" ${what}`;
    return failedForGood({ class: errorClass, message });
  }

  /** What became of an attempt whose transaction was not committed. */
  uncommitted(error: unknown): Failed {
    return redacted(this.#reject(error), this.#options.secrets) as Failed;
  }

  #reject(error: unknown, said?: FailureMeaning): Failed {
    const { action, context, now } = this.#options;
    const effect = effectOf(action, context.input);
    const asked = { now: now(), ...(said === undefined ? {} : { said }) };
    const { verdict, error: record, unknown } = classifyFailure(error, effect, asked);
    return { type: "failed", error: record, verdict, possiblyDuplicated: unknown };
  }

  /** What the action itself makes of an error of its own. */
  #said(error: unknown): FailureMeaning | undefined {
    const { action } = this.#options.action;
    const { logger, run, node } = this.#options.context;
    if (action.classify === undefined || isMarked(error)) return undefined;
    const where = { action: action.name, runId: run.id, node: node.id };
    try {
      const meaning = action.classify(error);
      if (meaning === undefined || MEANINGS.has(meaning)) return meaning;
      logger.warn({ ...where, meaning }, "classify() of an action gave something that means nothing");
    } catch (cause) {
      logger.warn({ ...where, error: cause }, "classify() of an action failed");
    }
    return undefined;
  }

  #timeout(): void {
    this.#unknown("timeout", `did not end within ${this.#options.timeoutMs} ms`);
    this.#controller.abort(new DOMException("The attempt timed out.", "TimeoutError"));
  }

  /** The effect may or may not have happened. */
  #unknown(errorClass: string, what: string): void {
    const { action } = this.#options.action;
    const message = `Action "${action.name}" ${what}.`;
    this.#settle(this.#reject({ name: errorClass, message, timedOut: true }));
  }

  #arm(ms: number, fire: () => void): void {
    clearTimeout(this.#timer);
    // setTimeout knows no more than 2^31 - 1 ms; an attempt that long is not timed.
    if (ms < 2 ** 31) this.#timer = setTimeout(fire, ms);
  }
}

function redacted(outcome: Outcome, secrets: Secrets): Outcome {
  if (secrets.isEmpty) return outcome;
  if (outcome.type === "succeeded") return { ...outcome, output: secrets.json(outcome.output) };
  if (outcome.type !== "failed") return outcome;
  return { ...outcome, error: secrets.json({ ...outcome.error }) as ErrorRecord & Json };
}

/** Another attempt would come to the same. */
export function failedForGood(error: ErrorRecord): Failed {
  return { type: "failed", error, verdict: { type: "permanent" }, possiblyDuplicated: false };
}

/** Somebody has to find out: never an error edge, never another attempt by itself. */
function inDoubt(message: string): Outcome {
  return {
    type: "failed",
    error: { class: "outcome_unknown", message },
    verdict: { type: "outcomeUnknown" },
    possiblyDuplicated: false,
  };
}
