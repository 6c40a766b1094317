/**
 * A run while this process has something to do with it: its state, its place in the order of commits, and the node runs that
 * are executed here.
 *
 * Invariants:
 * - one turn at a time: what arrives meanwhile waits, and is reduced together in the next turn (fifty branches that end
 *   together are one step of the run's counter);
 * - nothing takes effect here before its commit is durable;
 * - after a commit without a verdict the run is read again, and whatever is `running` under this worker's id and is not held
 *   here is this worker's own, and is run: a claim whose reply was lost is neither forgotten nor reclaimed;
 * - it has one plan: a run that goes on with another version has another `ActiveRun` from then on, and what was meant for a node
 *   of this plan never reaches a node of that one.
 */
import type { StoredMessage } from "../core/ports/message.ts";
import type { NodeRecord } from "../core/ports/stored-run.ts";
import type { Advance } from "../core/run/advance.ts";
import { isCalledOff } from "../core/run/races.ts";
import { runAdmission } from "./admission/run-admission.ts";
import { type Basis, movedBasis, nextVersion, OtherVersion, turnLength, unknownOutputs } from "./basis.ts";
import { buildEntry, isEmpty, needsRow } from "./entry.ts";
import { isResting } from "./resting.ts";
import type { Held, RunEnvironment } from "./environment.ts";
import { type IntentResult, isEnd, type Pending, refusedOutput } from "./intent.ts";
import { keyStates } from "./key-states.ts";
import { retryMs } from "./retry-pause.ts";
import { RunCopy } from "./run-copy.ts";
import { endedMaps } from "./run-data.ts";
import { Turn } from "./turn.ts";

/** After so many commits refused because the run had moved, the locked path is taken. */
const MAX_MOVED = 3;

/** Before a key that somebody was just taking is looked at again. */
const CONTENDED_MS = 5;

/** A turn that is ready to be committed. */
interface Decision {
  readonly turn: Turn;
  readonly advance: Advance;
  readonly basis: Basis;
  /** Messages for the next turn. */
  readonly rest: readonly StoredMessage[];
}

export class ActiveRun extends RunCopy {
  readonly held: Map<number, Held> = new Map();
  readonly #env: RunEnvironment<ActiveRun>;
  #queue: Pending[] = [];
  #busy = false;
  #retired = false;

  constructor(id: string, env: RunEnvironment<ActiveRun>) {
    super(id, env);
    this.#env = env;
  }

  get busy(): boolean {
    return this.#busy || this.#queue.length > 0;
  }

  add(pending: Pending): void {
    if (this.#retired) return this.#pass([pending], this.#env.successor(this, null));
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
      const own = pendings.filter(({ commit }) => commit);
      const others = own.length === 0 ? pendings : pendings.filter(({ commit }) => !commit);
      if (others.length > 0) await this.#serve(others, () => this.#round(others));
      for (const pending of own) await this.#serve([pending], () => this.#lockedRound([pending]));
    }
    this.#busy = false;
    this.fresh = false;
    if (!this.#retired) this.#env.rested(this);
  }

  async #serve(pendings: readonly Pending[], round: () => Promise<void>): Promise<void> {
    try {
      await round();
    } catch (error) {
      if (error instanceof OtherVersion) return this.#retire(pendings, null);
      this.#env.logger.error({ error, runId: this.id }, "a turn of a run failed");
      this.#drop(pendings, "gone");
    }
  }

  /** Carries the intents to a durable commit, however often the run moves meanwhile. */
  async #round(pendings: readonly Pending[]): Promise<void> {
    if (this.#retired) return this.#pass(pendings, this.#env.successor(this, null));
    if (!this.loaded && !(await this.reload(pendings.length))) return this.#drop(pendings, "gone");
    for (let moved = 0; ; moved++) {
      if (moved >= MAX_MOVED) return this.#lockedRound(pendings);
      const decision = await this.#decide(pendings);
      const { turn, advance } = decision;
      if (isEmpty(turn, advance, this.loaded!)) {
        if (this.fresh) return this.#settle(pendings, turn);
        this.#undo(turn);
      } else {
        const answer = await this.#env.committer.submit({
          entry: this.#entry(decision),
          workspace: decision.basis.identity.workspace,
          bytes: turn.bytes,
        });
        if (answer.type === "committed") return this.#committed(pendings, decision, answer.seq);
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
    if (this.#retired) return this.#pass(pendings, this.#env.successor(this, null));
    const own = pendings[0]?.commit ? pendings[0] : null;
    const commit = own?.commit ?? this.#env.store.commitLocked.bind(this.#env.store);
    let result: Decision | null = null;
    for (let attempt = 0; ; attempt++) {
      try {
        const verdict = await commit(this.request(), async (stored) => {
          if (!stored) return null;
          await this.sync(stored);
          result = await this.#decide(pendings);
          const { turn, advance } = result;
          if (own && turn.results.get(own) !== "applied") return null;
          return isEmpty(turn, advance, this.loaded!) ? null : this.#entry(result);
        });
        const decided = result as Decision | null;
        if (!decided) return this.#drop(pendings, "gone");
        if (!verdict && !own) return this.#settle(pendings, decided.turn);
        if (!verdict) this.#undo(decided.turn);
        if (!verdict) return this.#drop(pendings, "stale");
        if (verdict.type === "committed") return this.#committed(pendings, decided, verdict.seq);
        this.#undo(decided.turn);
        if (verdict.type === "contended") await this.#env.pause(CONTENDED_MS);
        if (verdict.type === "failed") return this.#refused(pendings, verdict.error);
      } catch (error) {
        if (result) this.#undo((result as Decision).turn);
        result = null;
        if (error instanceof OtherVersion) throw error;
        if (own) return this.#drop(pendings, "gone");
        this.#env.logger.warn({ error, runId: this.id }, "the locked path failed; it is tried again");
        await this.#env.pause(retryMs(attempt));
      }
      if (this.#env.stopped()) return this.#drop(pendings, "gone");
    }
  }

  async #decide(pendings: readonly Pending[]): Promise<Decision> {
    const basis = this.basis();
    const version = nextVersion(this.unseen, basis);
    const moved = version === null ? null : await this.#decideMoved(pendings, basis, version);
    return moved ?? this.#decideOn(basis, pendings);
  }

  /** Under another version. `null`: the run cannot go on with it, so its message does nothing. */
  async #decideMoved(pendings: readonly Pending[], basis: Basis, version: number): Promise<Decision | null> {
    const plan = await this.#env.plans.get({ ...basis.identity, version });
    if (!plan) return null;
    const missing = unknownOutputs(basis, plan);
    if (missing.length > 0) await this.fetch(missing);
    const moved = movedBasis(basis, plan, version);
    if (!moved) return null;
    const decision = await this.#decideOn(moved, pendings.filter(isLook));
    const { id } = this.unseen[0]!;
    if ([...decision.turn.resolutions.values()].some((resolution) => resolution.id === id)) return decision;
    this.#undo(decision.turn);
    return null;
  }

  async #decideOn(basis: Basis, pendings: readonly Pending[]): Promise<Decision> {
    const { version } = basis.identity;
    const length = turnLength(this.unseen, version);
    const moved = version !== this.loaded!.identity.version;
    const turn = await this.#turn({ basis, moved, messages: this.unseen.slice(0, length), pendings });
    return { turn, advance: turn.close(), basis, rest: this.unseen.slice(length) };
  }

  async #turn(of: {
    readonly basis: Basis;
    readonly moved: boolean;
    readonly messages: readonly StoredMessage[];
    readonly pendings: readonly Pending[];
  }): Promise<Turn> {
    const { basis, moved, messages, pendings } = of;
    const { plan, data, state, bytes, edits, seq } = basis;
    const { registry, limits, random, clock } = this.#env;
    const workshop = this.#env.workshop();
    const now = (): number => clock.now();
    const mapOutputs = await endedMaps(this.#env.loader, { id: this.id, plan, seq }, messages);
    const { workspace, version } = basis.identity;
    const keyless = pendings.some(({ commit }) => commit !== undefined);
    const admission = runAdmission(this.#env.admission, workspace);
    const known = {
      runId: this.id,
      workspace,
      plan,
      version,
      moved,
      data,
      edits,
      bytes,
      mapOutputs,
      keyless,
      admission,
    };
    const isStart = this.start !== null;
    const turn = new Turn({ ...known, isStart, registry, limits, workshop, random, now }, state);
    turn.begin(messages, pendings);
    try {
      for (let missing = turn.proceed(); missing !== null; missing = turn.proceed()) {
        if (missing.outputs.length > 0) await this.fetch(missing.outputs);
        else if (missing.keys.length > 0)
          turn.learnKeys(missing.keys, await keyStates(this.#env, missing.keys));
        else await this.#env.admission.allowances.ask(workspace, missing.allowances);
      }
    } catch (error) {
      this.#undo(turn);
      throw error;
    }
    return turn;
  }

  #entry({ turn, advance, basis }: Decision): ReturnType<typeof buildEntry> {
    const { state: before, identity, data, ...parts } = basis;
    const isMoved = identity.version !== this.loaded!.identity.version;
    return buildEntry({
      ...parts,
      before,
      runId: this.id,
      turn,
      advance,
      start: this.start,
      started: this.started,
      about: { version: identity.version, labels: identity.labels, errors: data.errors },
      version: isMoved ? identity.version : null,
      startBytes: this.start ? basis.bytes : 0,
      parent: identity.parent ?? null,
    });
  }

  #committed(pendings: readonly Pending[], done: Decision, seq: number): void {
    const { turn, advance, basis } = done;
    if (basis.identity.version !== this.loaded!.identity.version) {
      const next = new ActiveRun(this.id, this.#env);
      next.take(basis);
      this.#retire(
        pendings.filter((pending) => !isLook(pending)),
        next,
      );
      next.#committed(pendings.filter(isLook), done, seq);
      next.fresh = false;
      return this.#env.rested(next);
    }
    const loaded = this.loaded!;
    const before = loaded.state.status;
    loaded.state = advance.state;
    loaded.seq = seq;
    loaded.bytes += turn.added;
    this.start = null;
    this.fresh = true;
    this.unseen = done.rest;
    for (const id of turn.large) this.large.add(id);
    this.forget();
    for (const index of advance.changed)
      if (needsRow(loaded.plan, advance.state, index)) this.rows.add(index);
    for (const index of turn.duplicated) this.duplicated.add(index);
    for (const [index, edit] of turn.edits) this.edits.set(index, edit);
    this.#env.committed(this, turn, { ...advance, before });
    if (done.rest.length === 0) return this.#settle(pendings, turn);
    // Who looks waits for all that is there.
    this.#settle(
      pendings.filter((pending) => !isLook(pending)),
      turn,
    );
    const looks = pendings.filter(isLook);
    for (const look of looks.length > 0 ? looks : [LOOK]) this.add(look);
  }

  /** What was meant for nodes of this version comes too late; who only wants the run to be looked at goes to the `next` one. */
  #retire(pendings: readonly Pending[], next: ActiveRun | null): void {
    this.#retired = true;
    this.#pass([...pendings, ...this.#queue.splice(0)], this.#env.successor(this, next));
    // Nothing of the run ran when it moved: what is still held here was given up by somebody else before.
    for (const held of this.held.values()) held.interrupt();
    this.held.clear();
  }

  #pass(pendings: readonly Pending[], next: ActiveRun): void {
    this.#drop(
      pendings.filter((pending) => !isLook(pending)),
      "stale",
    );
    for (const look of pendings.filter(isLook)) next.add(look);
  }

  #settle(pendings: readonly Pending[], turn: Turn): void {
    turn.done();
    this.#env.leave(this.identity!.workspace, turn.places);
    for (const pending of pendings) pending.settle(turn.results.get(pending) ?? "stale");
  }

  #undo(turn: Turn): void {
    turn.undo();
    this.#env.leave(this.identity!.workspace, turn.taken);
  }

  #drop(pendings: readonly Pending[], result: IntentResult): void {
    for (const pending of pendings) {
      if (pending.place !== null) this.#env.leave(pending.place, 1);
      if (isEnd(pending)) this.ended();
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

  /** An action of the run has ended here, or could not begin. */
  ended(count = 1): void {
    this.#env.admission.allowances.gauge(this.identity!.workspace).end(count);
  }

  /** The run needs no more attention here: nothing is held, nothing waits. */
  get idle(): boolean {
    return !this.busy && this.held.size === 0;
  }

  get finished(): boolean {
    return this.loaded !== null && isResting(this.loaded.state.status);
  }
}

const LOOK: Pending = { intent: { type: "look" }, place: null, settle: () => undefined };

function isLook({ intent }: Pending): boolean {
  return intent.type === "look";
}
