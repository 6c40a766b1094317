/**
 * `ctx.step` and `ctx.checkpoint`: what a long action has finished, so that its next attempt goes on from there. Each is a write of its
 * own, under the fence of the node run: an action that uses neither pays nothing.
 */
import type { ActionContext } from "../core/definition/action.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { MemoRef, MemoStore } from "../core/ports/memos.ts";
import { PermanentError } from "../core/run/failures.ts";
import { checkValue, type Limits, sizeOf } from "../core/values.ts";
import { retryMs } from "./retry-pause.ts";

/** No step has this name. */
const CHECKPOINT = "";
const MAX_NAME = 200;
// oxlint-disable-next-line no-control-regex -- they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

export interface MemosOptions {
  readonly store: MemoStore;
  readonly ref: MemoRef;
  readonly limits: Limits;
  /** Takes out what must not be stored. */
  readonly redact: (value: Json) => Json;
  readonly pause: (ms: number) => Promise<void>;
  readonly stopped: () => boolean;
}

type Parts = Pick<ActionContext<Json>, "step" | "checkpoint" | "lastCheckpoint">;

/** The memos of one attempt. */
export function memoParts(options: MemosOptions): Parts {
  const memos = new Memos(options);
  return {
    step: (name, part) => memos.step(name, part),
    checkpoint: (value) => memos.save(CHECKPOINT, value).then(() => undefined),
    lastCheckpoint: () => memos.get(CHECKPOINT).then((value) => value ?? null),
  };
}

class Memos {
  readonly #options: MemosOptions;
  readonly #used = new Set<string>();
  /** What is stored under each name, as far as that is known here. */
  readonly #bytes = new Map<string, number>();
  #total = 0;
  #known: Promise<Map<string, Json>> | null = null;

  constructor(options: MemosOptions) {
    this.#options = options;
  }

  async step<T>(name: string, part: () => Promise<T> | T): Promise<T> {
    this.#use(name);
    const known = await this.get(name);
    if (known !== undefined) return known as T;
    return (await this.save(name, await part())) as T;
  }

  async get(name: string): Promise<Json | undefined> {
    this.#known ??= this.#load();
    return (await this.#known).get(name);
  }

  async save(name: string, value: unknown): Promise<Json> {
    const { store, ref, limits, redact } = this.#options;
    const checked = checkValue(value, limits);
    if (!checked.ok) {
      const at = checked.problem.path.length > 0 ? ` at ${checked.problem.path.join(".")}` : "";
      throw wrong("value_invalid", what(name), `a value that${at} ${checked.problem.message}`);
    }
    this.#assertRoom(name, checked.bytes);
    const kept = redact(checked.value);
    if (!(await this.#answered(() => store.saveMemo(ref, name, kept)))) throw outdated(name, ref);
    (await this.#known)?.set(name, kept);
    this.#note(name, checked.bytes);
    return kept;
  }

  #note(name: string, bytes: number): void {
    this.#total += bytes - (this.#bytes.get(name) ?? 0);
    this.#bytes.set(name, bytes);
  }

  /** They are not among the values of the run, which commits count: those of one node run may have as much as a run. */
  #assertRoom(name: string, bytes: number): void {
    const { runBytes } = this.#options.limits;
    const used = this.#total - (this.#bytes.get(name) ?? 0);
    if (used + bytes <= runBytes) return;
    const limit = `${used} of at most ${runBytes} (limits.runBytes)`;
    throw wrong(
      "run_too_large",
      what(name),
      `${bytes} bytes, and what this node run has stored so has ${limit}`,
    );
  }

  #use(name: unknown): void {
    if (typeof name !== "string" || name === "" || name.length > MAX_NAME || CONTROL.test(name)) {
      const received = typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : typeof name;
      throw wrong(
        "option_invalid",
        `the name of a step, 1 to ${MAX_NAME} characters without control characters`,
        received,
      );
    }
    if (this.#used.size === this.#used.add(name).size)
      throw wrong("step_duplicate", what(name), "the same name again");
  }

  /** Under the first fence nothing can have been saved yet. */
  async #load(): Promise<Map<string, Json>> {
    const { store, ref } = this.#options;
    const known = ref.fence <= 1 ? new Map<string, Json>() : await this.#answered(() => store.memos(ref));
    for (const [name, value] of known) this.#note(name, sizeOf(value));
    return new Map(known);
  }

  /** A part that is done must not be lost because the store is away for a moment: both questions may be asked again. */
  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (this.#options.stopped()) throw error;
        await this.#options.pause(retryMs(attempt));
      }
    }
  }
}

function what(name: string): string {
  return name === CHECKPOINT ? "ctx.checkpoint" : `ctx.step(${JSON.stringify(name)})`;
}

/** Another attempt would make the same mistake. */
function wrong(
  code: "option_invalid" | "run_too_large" | "step_duplicate" | "value_invalid",
  subject: string,
  received: string,
): Error {
  const next = "Correct the action.";
  const cause = new FlowForgeError(code, { subject, received, next });
  return new PermanentError(cause.message, { cause });
}

function outdated(name: string, { runId, node }: MemoRef): FlowForgeError {
  return new FlowForgeError("attempt_outdated", {
    subject: `${what(name)} of node "${node}" in run ${runId}`,
    next: "Stop: nothing that this attempt does is recorded any more.",
  });
}
