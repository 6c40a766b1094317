/**
 * A run as this process knows it: read from the store, brought up to date by short reads, kept between the turns. What it
 * holds may be old; the commit finds that out.
 */
import type { Plan } from "../core/graph/plan.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { StoredMessage } from "../core/ports/message.ts";
import type { LoadRequest, NodeRecord, StoredRun } from "../core/ports/stored-run.ts";
import { newRun, patchRun, restoreRun } from "../core/run/advance.ts";
import type { RunState } from "../core/run/state.ts";
import { sizeOf } from "../core/values.ts";
import { type Basis, OtherVersion } from "./basis.ts";
import type { RunEnvironment } from "./environment.ts";
import type { Started } from "./gate.ts";
import { LARGE_BYTES, LargeOutputs } from "./large-outputs.ts";
import type { RunData } from "./prepare.ts";
import { retryMs } from "./retry-pause.ts";
import { learn, readEdits, runData, type RunIdentity, storedState, unreadOutputs } from "./run-data.ts";
import { startBytes } from "./run-size.ts";
import type { Edit } from "./turn-result.ts";

/** The definition that a run is pinned to is gone: nothing can be decided, and trying again does not help. */
class MissingVersion extends Error {}

interface Loaded {
  readonly plan: Plan;
  readonly identity: RunIdentity;
  readonly data: RunData;
  state: RunState;
  seq: number;
  /** Of its values. */
  bytes: number;
}

type Reading = Pick<RunEnvironment<never>, "store" | "loader" | "plans" | "logger" | "pause" | "stopped">;

export abstract class RunCopy {
  readonly id: string;
  readonly #env: Reading;
  protected readonly rows: Set<number> = new Set();
  protected readonly duplicated: Set<number> = new Set();
  protected readonly edits: Map<number, Edit> = new Map();
  protected readonly large: LargeOutputs = new LargeOutputs();
  protected start: NewRun | null = null;
  protected loaded: Loaded | null = null;
  #hint: Plan | null = null;
  protected unseen: readonly StoredMessage[] = [];
  /** The state is known to have been the run's newest one during this round. */
  protected fresh = false;

  constructor(id: string, env: Reading) {
    this.id = id;
    this.#env = env;
  }

  /** The copy is as new as these rows. */
  protected abstract synced(rows: readonly NodeRecord[]): Promise<void>;

  get plan(): Plan | null {
    return this.loaded?.plan ?? null;
  }

  get identity(): RunIdentity | null {
    return this.loaded?.identity ?? null;
  }

  /** The plan that the run has if it exists: with it, the first read brings everything. */
  expect(plan: Plan): void {
    if (!this.loaded) this.#hint = plan;
  }

  get state(): RunState | null {
    return this.loaded?.state ?? null;
  }

  get seq(): number {
    return this.loaded?.seq ?? 0;
  }

  /** Of its values, as far as that is known here. */
  get bytes(): number {
    return this.loaded?.bytes ?? 0;
  }

  get data(): RunData | null {
    return this.loaded?.data ?? null;
  }

  /** Of a run that is known here: whose it is, and with what it was started. */
  get started(): Started {
    const { identity, data } = this.loaded!;
    return {
      workspace: identity.workspace,
      workflow: identity.workflow,
      input: data.input,
      trigger: data.trigger,
    };
  }

  /** What a turn is decided on. */
  protected basis(): Basis {
    const { rows, duplicated, edits } = this;
    return { ...this.loaded!, rows, duplicated, edits };
  }

  /** The run as it is now under this version, which it did not have before. */
  protected take({ plan, identity, data, state, seq, bytes, ...nodes }: Basis): void {
    this.loaded = { plan, identity, data, state, seq, bytes };
    for (const index of nodes.rows) this.rows.add(index);
    for (const index of nodes.duplicated) this.duplicated.add(index);
    for (const [index, edit] of nodes.edits) this.edits.set(index, edit);
  }

  /** A run that does not exist yet: its first turn stores it. */
  begin(plan: Plan, start: NewRun): void {
    this.start = start;
    const identity: RunIdentity = start;
    const data = runData(this.id, identity, { input: start.input, triggerPayload: start.triggerPayload });
    const state = newRun(plan, { ...data, outputs: new Map(), errors: new Map() });
    this.loaded = { plan, identity, data, state, seq: 0, bytes: startBytes(start) };
    this.fresh = true;
  }

  protected request(): LoadRequest {
    if (!this.loaded) {
      const plan = this.#hint;
      const outputs = plan ? [...plan.reads.nodes].map((index) => plan.nodes[index]!.id) : [];
      return { runId: this.id, withInput: true, outputs };
    }
    const { plan, state, seq } = this.loaded;
    const outputs = [...plan.reads.nodes].filter((index) => !state.values.outputs.has(index));
    return { runId: this.id, since: seq, outputs: outputs.map((index) => plan.nodes[index]!.id) };
  }

  /** `false`: there is no such run. Goes on until the store answers or this process stops. Throws `OtherVersion`. */
  protected async reload(waiting: number): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        const stored = await this.#env.loader.load(this.request());
        if (!stored) return false;
        await this.sync(stored);
        return true;
      } catch (error) {
        if (error instanceof OtherVersion) throw error;
        if (this.#env.stopped() || error instanceof MissingVersion) {
          this.#env.logger.error({ error, runId: this.id }, "a run could not be read");
          return false;
        }
        this.#env.logger.warn({ error, runId: this.id, waiting }, "a run could not be read; trying again");
        await this.#env.pause(retryMs(attempt));
      }
    }
  }

  protected async sync(stored: StoredRun): Promise<void> {
    if (this.loaded && this.loaded.identity.version !== stored.header.version)
      throw new OtherVersion(`run ${this.id} goes on with version ${stored.header.version}`);
    // The row exists: whatever this process still wanted to store as new is there already.
    this.start = null;
    this.unseen = stored.inbox.filter((message) => !message.kept);
    if (this.loaded) this.#patch(this.loaded, stored);
    else await this.#restore(stored);
    this.fresh = true;
    for (const row of stored.nodes) this.#noteRecord(row);
    for (const [index, edit] of await readEdits(this.#env.store, this.loaded!.plan, stored))
      this.edits.set(index, edit);
    await this.synced(stored.nodes);
  }

  async #restore(stored: StoredRun): Promise<void> {
    const { header } = stored;
    const plan = await this.#env.plans.get(header);
    if (!plan)
      throw new MissingVersion(`workflow "${header.workflow}" version ${header.version} is not in the store`);
    const identity: RunIdentity = header;
    const data = runData(this.id, identity, stored);
    learn(data, stored);
    const missing = unreadOutputs(plan, stored, data);
    if (missing.length > 0)
      learn(data, await this.#env.loader.load({ runId: this.id, since: header.seq, outputs: missing }));
    const state = restoreRun(plan, storedState(stored, plan, data));
    this.loaded = { plan, identity, data, state, seq: header.seq, bytes: stored.bytes };
  }

  #patch(loaded: Loaded, stored: StoredRun): void {
    learn(loaded.data, stored);
    loaded.state = patchRun(loaded.plan, loaded.state, storedState(stored, loaded.plan, loaded.data));
    loaded.seq = stored.header.seq;
    loaded.bytes = stored.bytes;
  }

  #noteRecord(row: NodeRecord): void {
    const index = this.loaded!.plan.indexOf.get(row.node);
    if (index === undefined) return;
    this.rows.add(index);
    if (row.possiblyDuplicated) this.duplicated.add(index);
  }

  /** Reads outputs into the run's data. */
  async fetch(ids: readonly string[]): Promise<void> {
    const { data, seq } = this.loaded!;
    for (let attempt = 0; ; attempt++) {
      try {
        const stored = await this.#env.loader.load({ runId: this.id, since: seq, outputs: ids });
        learn(data, stored);
        this.#noteLarge(ids);
        // What is not there was never stored: it reads as null, and is not asked for again.
        for (const id of ids) if (!data.outputs.has(id)) data.outputs.set(id, null);
        return;
      } catch (error) {
        if (this.#env.stopped()) throw error;
        await this.#env.pause(retryMs(attempt));
      }
    }
  }

  #noteLarge(ids: readonly string[]): void {
    const { data, bytes } = this.loaded!;
    if (bytes <= LARGE_BYTES) return;
    for (const id of ids) {
      const output = data.outputs.get(id);
      if (output !== undefined && sizeOf(output) > LARGE_BYTES) this.large.add(id);
    }
  }

  /** Forgets what nothing reads any more. */
  protected forget(): void {
    const { plan, state, data } = this.loaded!;
    for (const id of this.large.takeUnread(plan, state)) data.outputs.delete(id);
  }
}
