/** Runs that go on with another version of their workflow: which one, what it would mean, and why not. */
import { FlowForgeError } from "../core/errors.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { DeadLetter } from "../core/ports/dead-letter.ts";
import type { StoredRun } from "../core/ports/stored-run.ts";
import { restoreRun } from "../core/run/advance.ts";
import { describeMove } from "../core/run/describe-move.ts";
import { differences, type VersionMove, versionMove } from "../core/run/version-move.ts";
import type { PlanKey } from "../worker/plans.ts";
import { learn, runData, storedState } from "../worker/run-data.ts";
import type { Worker } from "../worker/worker.ts";
import { subjectOf } from "./dead-letter-orders.ts";
import { runNotFound } from "./run-control.ts";
import type { WorkflowsApi } from "./workflows.ts";

/** What a redrive with another version would mean. */
export interface MovePreview extends VersionMove {
  readonly runId: string;
  readonly workflow: string;
  /** The version that the run has. */
  readonly from: number;
  /** The version that it would go on with. */
  readonly to: number;
  /** All of it for people: a line for each node, and for each reason why it is refused. */
  readonly text: string;
}

/** What a dead letter is redriven with. */
export interface Target {
  /** `null`: it is gone. */
  readonly plan: Plan | null;
  /** `undefined`: the version that the run has. */
  readonly version?: number;
  /** The node is another there: running it is a new intention. */
  readonly newKey: boolean;
}

type Wanted = number | "latest";

/** Parts of a node that make its effect another one. */
const INTENTION: ReadonlySet<string> = new Set(["action", "input", "forEach"]);

export class VersionMoves {
  readonly #worker: Worker;
  readonly #workflows: WorkflowsApi;
  /** Questions for the newest version that are under way: a thousand dead letters of one workflow ask once. */
  readonly #newest = new Map<string, Promise<number>>();

  constructor({ worker, workflows }: { readonly worker: Worker; readonly workflows: WorkflowsApi }) {
    this.#worker = worker;
    this.#workflows = workflows;
  }

  /** Throws `workflow_not_found`. */
  async preview(letter: DeadLetter, wanted: Wanted): Promise<MovePreview> {
    const { runId, workflow } = letter;
    const to = await this.#version(letter, wanted);
    const { from, move } = await this.#move(letter, to);
    const header = `run ${runId} of "${workflow}": from version ${from} to version ${to}`;
    const text = [header, ...describeMove(move)].join("\n");
    return { runId, workflow, from, to, ...move, text };
  }

  /** Throws `version_refused` and `workflow_not_found`. */
  async target(letter: DeadLetter, wanted: Wanted | undefined): Promise<Target> {
    const version = wanted === undefined ? letter.version : await this.#version(letter, wanted);
    if (version === letter.version) return { plan: await this.#worker.plans.get(letter), newKey: false };
    const { plan, differs, move } = await this.#move(letter, version);
    if (move.refusals.length > 0) throw refused(letter, version, move);
    return { plan, version, newKey: differs.some((part) => INTENTION.has(part)) };
  }

  /** Why the run of the dead letter cannot go on with the version; `null`: it can, or does. */
  async refusal(letter: DeadLetter, version: number): Promise<FlowForgeError | null> {
    const { move } = await this.#move(letter, version);
    return move.refusals.length > 0 ? refused(letter, version, move) : null;
  }

  async #move(
    letter: DeadLetter,
    version: number,
  ): Promise<{ from: number; plan: Plan; differs: readonly string[]; move: VersionMove }> {
    const { loader } = this.#worker;
    const stored = await loader.load({ runId: letter.runId, withInput: true });
    if (!stored) throw runNotFound(letter);
    const before = await this.#plan(stored.header);
    const plan = await this.#plan({ ...letter, version });
    const move = versionMove(before, plan, stateOf(stored, before));
    const isInBoth = before.indexOf.has(letter.node) && plan.indexOf.has(letter.node);
    const differs = isInBoth ? differences(before, plan, letter.node) : [];
    return { from: stored.header.version, plan, differs, move };

    function stateOf(run: StoredRun, of: Plan): ReturnType<typeof restoreRun> {
      const data = runData(run.header.id, run.header, run);
      learn(data, run);
      return restoreRun(of, storedState(run, of, data));
    }
  }

  async #plan(key: PlanKey): Promise<Plan> {
    const plan = await this.#worker.plans.get(key);
    if (plan) return plan;
    throw new FlowForgeError("workflow_not_found", {
      subject: `workflow "${key.workflow}" version ${key.version} in workspace "${key.workspace}"`,
      next: "Nothing was done. workflows.versions() shows what there is.",
    });
  }

  async #version({ workspace, workflow }: DeadLetter, wanted: Wanted): Promise<number> {
    if (wanted !== "latest") return wanted;
    const key = JSON.stringify([workspace, workflow]);
    const asking =
      this.#newest.get(key) ??
      this.#workflows
        .resolve(workflow, workspace)
        .then(({ version }) => version)
        .finally(() => this.#newest.delete(key));
    this.#newest.set(key, asking);
    return asking;
  }
}

function refused(letter: DeadLetter, version: number, { refusals }: VersionMove): FlowForgeError {
  return new FlowForgeError("version_refused", {
    subject: `${subjectOf(letter)}, to be redriven with version ${version}`,
    received: refusals.map(({ code, message }) => `${code}: ${message}`).join(" "),
    next: "Nothing was done. Redrive it with the version that the run has, or start another run; deadLetters.preview() shows the difference.",
  });
}
