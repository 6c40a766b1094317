/**
 * A run while this process has something to do with it: its state, its place in the order of commits, and the node runs that
 * are executed here.
 *
 * Invariants:
 * - one turn at a time: what arrives meanwhile waits, and is reduced together in the next turn (fifty branches that end
 *   together are one step of the run's counter);
 * - nothing takes effect here before its commit is durable;
 * - after a commit without a verdict the run is read again, and whatever is `running` under this worker's id and is not held
 *   here is this worker's own, and is run: a claim whose reply was lost is neither forgotten nor reclaimed.
 */
import type { ActionKeyRef, ActionKeyState } from "../core/ports/action-keys.ts";
import type { NodeRecord } from "../core/ports/stored-run.ts";
import type { Advance } from "../core/run/advance.ts";
import { isCalledOff } from "../core/run/races.ts";
import { buildEntry, isEmpty, needsRow } from "./entry.ts";
import { isResting } from "./resting.ts";
import type { Held, RunEnvironment } from "./environment.ts";
import { type IntentResult, type Pending, refusedOutput } from "./intent.ts";
import { retryMs } from "./retry-pause.ts";
import { RunCopy } from "./run-copy.ts";
import { endedMaps } from "./run-data.ts";
import { Turn } from "./turn.ts";

/** After so many commits refused because the run had moved, the locked path is taken. */
const MAX_MOVED = 3;

/** Before a key that somebody was just taking is looked at again. */
const CONTENDED_MS = 5;

export class ActiveRun extends RunCopy {
  readonly held: Map<number, Held> = new Map();
  readonly #env: RunEnvironment<ActiveRun>;
  #queue: Pending[] = [];
  #busy = false;

  constructor(id: string, env: RunEnvironment<ActiveRun>) {
    super(id, env);
    this.#env = env;
  }

  get busy(): boolean {
    return this.#busy || this.#queue.length > 0;
  }

  add(pending: Pending): void {
    this.#queue.push(pending);
    if (this.#busy) return;
    this.#busy = true;
    // Not at once: intents of the same moment belong into one turn.
    queueMicrotask(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      const pendings = this.#queue.splice(0);
      // Who asks to look knows of something that came after the last commit.
      if (pendings.some(({ intent }) => intent.type === "look")) this.fresh = false;
      try {
        const own = pendings.filter(({ commit }) => commit);
        const others = own.length === 0 ? pendings : pendings.filter(({ commit }) => !commit);
        if (others.length > 0) await this.#round(others);
        for (const pending of own) await this.#lockedRound([pending]);
      } catch (error) {
        this.#env.logger.error({ error, runId: this.id }, "a turn of a run failed");
        this.#drop(pendings, "gone");
      }
    }
    this.#busy = false;
    this.fresh = false;
    this.#env.rested(this);
  }

  /** Carries the intents to a durable commit, however often the run moves meanwhile. */
  async #round(pendings: readonly Pending[]): Promise<void> {
    if (!this.loaded && !(await this.reload(pendings.length))) return this.#drop(pendings, "gone");
    for (let moved = 0; ; moved++) {
      if (moved >= MAX_MOVED) return this.#lockedRound(pendings);
      const turn = await this.#turn(pendings);
      const advance = turn.close();
      if (isEmpty(turn, advance, this.loaded!)) {
        if (this.fresh) return this.#settle(pendings, turn);
        this.#undo(turn);
      } else {
        const answer = await this.#env.committer.submit(this.#entry(turn, advance), turn.bytes);
        if (answer.type === "committed") return this.#committed(pendings, { turn, advance, seq: answer.seq });
        this.#undo(turn);
        if (answer.type === "gone" || answer.type === "taken" || answer.type === "full")
          return this.#drop(pendings, answer.type);
        if (answer.type === "failed") return this.#refused(pendings, answer.error);
        // A start has no row to lock: whoever starts the run decides how long to wait.
        if (answer.type === "locked" && this.start) return this.#drop(pendings, "locked");
        if (answer.type === "locked") return this.#lockedRound(pendings);
        // Who has the key is about to commit, or has. It does not count: the run itself has not moved.
        if (answer.type === "contended") {
          moved--;
          await this.#env.pause(CONTENDED_MS);
        }
        if (answer.type === "unknown")
          this.#env.logger.warn(
            { error: answer.error, runId: this.id },
            "a commit got no answer; the run is read again",
          );
      }
      if (!(await this.reload(pendings.length)) && !this.start) return this.#drop(pendings, "gone");
    }
  }

  /** The locked path: nobody can move the run between the look and the write. */
  async #lockedRound(pendings: readonly Pending[]): Promise<void> {
    const own = pendings[0]?.commit ? pendings[0] : null;
    const commit = own?.commit ?? this.#env.store.commitLocked.bind(this.#env.store);
    let result: { turn: Turn; advance: Advance } | null = null;
    for (let attempt = 0; ; attempt++) {
      try {
        const verdict = await commit(this.request(), async (stored) => {
          if (!stored) return null;
          await this.sync(stored);
          const turn = await this.#turn(pendings);
          result = { turn, advance: turn.close() };
          if (own && turn.results.get(own) !== "applied") return null;
          return isEmpty(turn, result.advance, this.loaded!) ? null : this.#entry(turn, result.advance);
        });
        const decided = result as { turn: Turn; advance: Advance } | null;
        if (!decided) return this.#drop(pendings, "gone");
        if (!verdict && !own) return this.#settle(pendings, decided.turn);
        if (!verdict) this.#undo(decided.turn);
        if (!verdict) return this.#drop(pendings, "stale");
        if (verdict.type === "committed") return this.#committed(pendings, { ...decided, seq: verdict.seq });
        this.#undo(decided.turn);
        if (verdict.type === "contended") await this.#env.pause(CONTENDED_MS);
        if (verdict.type === "failed") return this.#refused(pendings, verdict.error);
      } catch (error) {
        if (result) this.#undo((result as { turn: Turn }).turn);
        result = null;
        if (own) return this.#drop(pendings, "gone");
        this.#env.logger.warn({ error, runId: this.id }, "the locked path failed; it is tried again");
        await this.#env.pause(retryMs(attempt));
      }
      if (this.#env.stopped()) return this.#drop(pendings, "gone");
    }
  }

  async #turn(pendings: readonly Pending[]): Promise<Turn> {
    const { plan, data, state, bytes, identity } = this.loaded!;
    const { registry, limits, random, clock } = this.#env;
    const workshop = this.#env.workshop();
    const now = (): number => clock.now();
    const edits = this.edits;
    const mapOutputs = await endedMaps(this.#env.loader, this, this.unseen);
    const { workspace } = identity;
    const keyless = pendings.some(({ commit }) => commit !== undefined);
    const known = { runId: this.id, workspace, plan, data, edits, bytes, mapOutputs, keyless };
    const turn = new Turn({ ...known, registry, limits, workshop, random, now }, state);
    turn.begin(this.unseen, pendings);
    for (let missing = turn.proceed(); missing !== null; missing = turn.proceed()) {
      if (missing.outputs.length > 0) await this.fetch(missing.outputs);
      else turn.learnKeys(missing.keys, await this.#keys(missing.keys));
    }
    return turn;
  }

  async #keys(refs: readonly ActionKeyRef[]): Promise<readonly (ActionKeyState | null)[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#env.store.actionKeys(refs);
      } catch (error) {
        if (this.#env.stopped()) throw error;
        await this.#env.pause(retryMs(attempt));
      }
    }
  }

  #entry(turn: Turn, advance: Advance): ReturnType<typeof buildEntry> {
    const { plan, seq, state, bytes } = this.loaded!;
    const { id: runId } = this;
    return buildEntry({
      before: state,
      runId,
      seq,
      plan,
      turn,
      advance,
      start: this.start,
      started: this.started,
      startBytes: this.start ? bytes : 0,
      rows: this.rows,
      duplicated: this.duplicated,
      edits: this.edits,
    });
  }

  #committed(pendings: readonly Pending[], done: { turn: Turn; advance: Advance; seq: number }): void {
    const loaded = this.loaded!;
    const { turn, advance } = done;
    loaded.state = advance.state;
    loaded.seq = done.seq;
    loaded.bytes += turn.added;
    this.start = null;
    this.fresh = true;
    this.unseen = [];
    for (const id of turn.large) this.large.add(id);
    this.forget();
    for (const index of advance.changed)
      if (needsRow(loaded.plan, advance.state, index)) this.rows.add(index);
    for (const index of turn.duplicated) this.duplicated.add(index);
    for (const [index, edit] of turn.edits) this.edits.set(index, edit);
    this.#env.committed(this, turn, advance);
    this.#settle(pendings, turn);
  }

  #settle(pendings: readonly Pending[], turn: Turn): void {
    this.#env.leave(turn.places);
    for (const pending of pendings) pending.settle(turn.results.get(pending) ?? "stale");
  }

  #undo(turn: Turn): void {
    turn.undo();
    this.#env.leave(turn.taken);
  }

  #drop(pendings: readonly Pending[], result: IntentResult): void {
    for (const pending of pendings) {
      if (pending.place) this.#env.leave(1);
      pending.settle(result);
    }
  }

  /** The store cannot write what one of the intents brought: the others go on alone, the bad one fails its node. */
  async #refused(pendings: readonly Pending[], error: unknown): Promise<void> {
    if (pendings.length > 1) {
      for (const pending of pendings) await this.#round([pending]);
      return;
    }
    const [pending] = pendings;
    this.#env.logger.error({ error, runId: this.id }, "the store refused a value of a run");
    const intent = pending && refusedOutput(pending.intent, error);
    if (!intent) return this.#drop(pendings, "gone");
    const { commit: _, ...plain } = pending;
    return this.#round([{ ...plain, intent }]);
  }

  // ------------------------------------------------------------------ reading

  protected async synced(rows: readonly NodeRecord[]): Promise<void> {
    await this.#adopt(rows);
    this.#stopUnwanted();
  }

  /** What another process cancelled, or a join that started there called off: nobody else can tell what runs here. */
  #stopUnwanted(): void {
    const { plan, state } = this.loaded!;
    for (const [index, held] of this.held) if (isCalledOff(plan, state, index)) held.cancel();
  }

  /** Runs what is this worker's own and is not held here (rule: a claim whose reply was lost). */
  async #adopt(rows: readonly NodeRecord[]): Promise<void> {
    const workerId = this.#env.workshop()?.workerId;
    if (workerId === undefined) return;
    const { plan, state } = this.loaded!;
    const own = rows.filter((row) => {
      const index = plan.indexOf.get(row.node);
      if (index === undefined || row.status !== "running" || row.worker !== workerId) return false;
      return state.nodes[index]!.fence === row.fence && this.held.get(index)?.fence !== row.fence;
    });
    if (own.length > 0) await this.#env.adopt(this, own);
  }

  /** The run needs no more attention here: nothing is held, nothing waits. */
  get idle(): boolean {
    return !this.busy && this.held.size === 0;
  }

  get finished(): boolean {
    return this.loaded !== null && isResting(this.loaded.state.status);
  }
}
