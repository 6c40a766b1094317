/** `engine.runs`: starting runs and finding them again. */
import type { WorkflowDocument } from "../core/definition/document.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Plan, PlanTrigger } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { NewRun, Page, RunDetail, RunHeader, Store, WorkflowVersion } from "../core/ports/store.ts";
import type { RunStatus } from "../core/run/state.ts";
import { checkValue } from "../core/values.ts";
import { newRunId } from "../worker/run-id.ts";
import type { Worker } from "../worker/worker.ts";
import { type InputCheck, inputCheck } from "./input-check.ts";
import { RunHandle } from "./run-handle.ts";
import type { Watch } from "./watch.ts";
import { DEFAULT_WORKSPACE, type InWorkspace, type WorkflowsApi } from "./workflows.ts";

export interface StartOptions extends InWorkspace {
  /** Must fit the workflow's input schema. None: null. */
  readonly input?: unknown;
  /** Id of the trigger node to start at. Default: the workflow's manual trigger. */
  readonly trigger?: string;
  readonly labels?: { readonly [name: string]: string };
}

export interface ListOptions extends InWorkspace {
  readonly workflow?: string;
  readonly status?: readonly RunStatus[];
  readonly createdAfter?: Date;
  readonly createdBefore?: Date;
  readonly cursor?: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
}

export interface RunsParts {
  readonly store: Store;
  readonly worker: Worker;
  readonly watch: Watch;
  readonly workflows: WorkflowsApi;
}

type OutputOf<W> = W extends Workflow<infer _Input, infer Output> ? Output : Json;

export class RunsApi {
  readonly #parts: RunsParts;
  readonly #checks = new WeakMap<WorkflowDocument, InputCheck>();

  /** @internal */
  constructor(parts: RunsParts) {
    this.#parts = parts;
  }

  /**
   * Starts a run. When this resolves, the run is durable: it goes on whatever happens to this process.
   *
   * Throws `workflow_not_found`, `input_invalid`, `trigger_required`, `value_invalid`, `run_not_stored`.
   */
  async start<W extends Workflow | string>(
    workflow: W,
    options: StartOptions = {},
  ): Promise<RunHandle<OutputOf<W>>> {
    const workspace = options.workspace ?? DEFAULT_WORKSPACE;
    const version = await this.#parts.workflows.resolve(workflow, workspace);
    const plan = this.#parts.worker.plans.put(version);
    const start = this.#newRun({ version, plan, workflow, options });
    const runId = newRunId(Math.floor(this.#parts.worker.clock.now()));
    const result = await this.#parts.worker.table.start(runId, plan, start);
    if (result !== "applied") throw notStored(runId, version.name);
    return this.#handle(runId, workspace, version.name);
  }

  /** Starts many runs in a few commits. All inputs are checked before the first run is stored. */
  async startMany<W extends Workflow | string>(
    workflow: W,
    starts: readonly StartOptions[],
  ): Promise<readonly RunHandle<OutputOf<W>>[]> {
    for (const options of starts) {
      const version = await this.#parts.workflows.resolve(workflow, options.workspace ?? DEFAULT_WORKSPACE);
      this.#newRun({ version, plan: this.#parts.worker.plans.put(version), workflow, options });
    }
    return Promise.all(starts.map((options) => this.start(workflow, options)));
  }

  /** A handle to a run that exists already. Its methods throw `run_not_found` where it does not. */
  handle(runId: string, options: InWorkspace = {}): RunHandle {
    return this.#handle(runId, options.workspace ?? DEFAULT_WORKSPACE, "");
  }

  /** The whole run, or `null` where the workspace has none of this id. */
  get(runId: string, options: InWorkspace = {}): Promise<RunDetail | null> {
    return this.#parts.store.run(options.workspace ?? DEFAULT_WORKSPACE, runId);
  }

  /** Runs of a workspace, the newest first, page by page. */
  list(options: ListOptions = {}): Promise<Page<RunHeader>> {
    const { workspace, createdAfter, createdBefore, limit, ...rest } = options;
    return this.#parts.store.runs({
      ...rest,
      workspace: workspace ?? DEFAULT_WORKSPACE,
      limit: limit ?? 100,
      ...(createdAfter ? { createdAfter: createdAfter.getTime() } : {}),
      ...(createdBefore ? { createdBefore: createdBefore.getTime() } : {}),
    });
  }

  #handle<Output>(id: string, workspace: string, workflow: string): RunHandle<Output> {
    const { store, watch, worker } = this.#parts;
    const isUnderWay = (runId: string): boolean => worker.table.get(runId)?.idle === false;
    return new RunHandle<Output>({ id, workspace, workflow, store, watch, isUnderWay });
  }

  #newRun(parts: {
    version: WorkflowVersion;
    plan: Plan;
    workflow: Workflow | string;
    options: StartOptions;
  }): NewRun {
    const { version, plan, workflow, options } = parts;
    const trigger = triggerOf(plan, version.name, options.trigger);
    const payload = this.#checkedValue(options.input, version.name);
    const firedAt = new Date(this.#parts.worker.clock.now()).toISOString();
    const fired = { id: trigger.id, type: trigger.source.type, payload, headers: {}, firedAt };
    const raw = trigger.input ? trigger.input.render({ trigger: fired }) : payload;
    const schema = typeof workflow === "string" ? undefined : workflow.inputSchema;
    const input = this.#checkedValue(this.#check(version.document, schema)(raw), version.name);
    const { workspace, name, version: number } = version;
    const labels = options.labels ?? {};
    return {
      workspace,
      workflow: name,
      version: number,
      trigger: trigger.id,
      input,
      triggerPayload: fired,
      labels,
    };
  }

  #check(document: WorkflowDocument, schema: Workflow["inputSchema"]): InputCheck {
    let check = this.#checks.get(document);
    if (!check) this.#checks.set(document, (check = inputCheck(document, schema)));
    return check;
  }

  #checkedValue(value: unknown, workflow: string): Json {
    const checked = checkValue(value, this.#parts.worker.table.limits);
    if (checked.ok) return checked.value;
    throw new FlowForgeError("value_invalid", {
      subject: `the input of workflow "${workflow}"`,
      expected: "a JSON value within the limits",
      received: `a value that${checked.problem.path.length > 0 ? ` at ${checked.problem.path.join(".")}` : ""} ${checked.problem.message}`,
      next: "Pass plain objects, lists, strings, finite numbers, booleans or null.",
    });
  }
}

function triggerOf(plan: Plan, workflow: string, id: string | undefined): PlanTrigger {
  const triggers = plan.nodes.filter((node) => node.kind === "trigger");
  const found = triggers.find((node) => (id === undefined ? node.source.type === "manual" : node.id === id));
  if (found) return found;
  throw new FlowForgeError("trigger_required", {
    subject: `workflow "${workflow}"`,
    expected: `trigger to be one of ${triggers.map((node) => node.id).join(", ")}`,
    received: id === undefined ? "none" : `"${id}"`,
    next: "Name the trigger node to start at: runs.start(workflow, { trigger, input }).",
  });
}

function notStored(runId: string, workflow: string): FlowForgeError {
  return new FlowForgeError("run_not_stored", {
    subject: `run ${runId} of workflow "${workflow}"`,
    next: "The store refused it or the engine is stopping; see the log, and start it again.",
  });
}
