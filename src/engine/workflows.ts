/** `engine.workflows`: definitions and their immutable versions. */
import type { Workflow } from "../core/definition/workflow.ts";
import { defineWorkflow } from "../core/definition/workflow.ts";
import type { WorkflowDocument } from "../core/definition/document.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { ActionCatalogue } from "../core/graph/actions.ts";
import { withLanes } from "../core/graph/lanes.ts";
import { validateWorkflow, type ValidationResult } from "../core/graph/validate.ts";
import type { ListedWorkflow, Store, WorkflowVersion } from "../core/ports/store.ts";
import { didYouMean } from "../core/suggestion.ts";
import type { Plans } from "../worker/plans.ts";
import { checksumOf, type Versions } from "../worker/versions.ts";
import type { StatsReader, WorkflowStats, WorkflowStatsOptions } from "./stats.ts";
import { type InWorkspace, versionSchema, workspaceOf } from "./call-options.ts";

/** For so long nobody asks whether it is still there: its workspace may have been deleted elsewhere. */
const SAVED_MS = 60_000;

interface SavedVersion {
  readonly version: Promise<WorkflowVersion>;
  readonly at: number;
}

export class WorkflowsApi {
  readonly #store: Store;
  readonly #plans: Plans;
  readonly #versions: Pick<Versions, "share" | "forget">;
  readonly #actions: ActionCatalogue;
  readonly #own: ReadonlyMap<string, Workflow>;
  readonly #stats: Pick<StatsReader, "workflow">;
  /** Versions of the host's own workflows, by workspace: each is saved once a minute at most. */
  readonly #saved = new WeakMap<Workflow, Map<string, SavedVersion>>();
  /** When workspaces were deleted here: what was saved before is gone. */
  readonly #deletedAt = new Map<string, number>();

  /** @internal */
  constructor(parts: {
    store: Store;
    plans: Plans;
    versions: Pick<Versions, "share" | "forget">;
    own: ReadonlyMap<string, Workflow>;
    actions: ActionCatalogue;
    stats: Pick<StatsReader, "workflow">;
  }) {
    this.#stats = parts.stats;
    this.#actions = parts.actions;
    this.#store = parts.store;
    this.#plans = parts.plans;
    this.#versions = parts.versions;
    this.#own = parts.own;
  }

  /**
   * Stores a definition for a workspace: a workflow from `defineWorkflow()` or a JSON document. The same definition again is
   * the same version; a changed one is the next version, which new runs use.
   *
   * Throws `definition_invalid` with every problem.
   */
  async register(
    definition: Workflow | WorkflowDocument,
    options: InWorkspace = {},
  ): Promise<WorkflowVersion> {
    const workspace = workspaceOf(options, "workflows.register");
    // JSON from anywhere may say of itself that it is a workflow, so what is stored is checked in either case.
    const written = "kind" in definition ? definition.document : definition;
    const { document } = defineWorkflow(written);
    return this.#save(workspace, document);
  }

  /**
   * Every problem of a definition, those with the actions of this engine among them. Stores nothing and never throws. Use it
   * for what an editor or a customer wrote; `register` does not ask for actions, because another process may have them.
   */
  validate(definition: unknown): ValidationResult {
    return validateWorkflow(definition, this.#actions);
  }

  /** None given: the newest version. `null`: there is no such workflow or version. */
  async get(
    name: string,
    options: InWorkspace & { readonly version?: number } = {},
  ): Promise<WorkflowVersion | null> {
    const workspace = workspaceOf(options, "workflows.get", versionSchema);
    return this.#store.workflow(workspace, name, options.version);
  }

  /**
   * How the workflow's runs went in the hours from `since` until `until`, and for each node how its attempts did: how many, how many failed, how
   * long they took. Over all versions. Where nothing was counted everything is 0 or `null`. Throws `option_invalid`.
   */
  async stats(name: string, options: WorkflowStatsOptions = {}): Promise<WorkflowStats> {
    return this.#stats.workflow(name, options);
  }

  /** The newest version of every workflow of the workspace, by name, and whether its triggers may start runs. */
  async list(options: InWorkspace = {}): Promise<readonly ListedWorkflow[]> {
    return this.#store.workflows(workspaceOf(options, "workflows.list"));
  }

  /**
   * From now on none of the workflow's triggers starts a run: webhooks, schedules, polls and events pass it by, also with another version.
   * Runs under way go on, and `runs.start` and nodes that run it as a child start it all the same. Twice is once.
   *
   * Throws `workflow_not_found`.
   */
  async disable(name: string, options: InWorkspace = {}): Promise<void> {
    return this.#enable(name, { workspace: workspaceOf(options, "workflows.disable"), enabled: false });
  }

  /** Takes `disable` back. What passed by meanwhile is not made up for. Throws `workflow_not_found`. */
  async enable(name: string, options: InWorkspace = {}): Promise<void> {
    return this.#enable(name, { workspace: workspaceOf(options, "workflows.enable"), enabled: true });
  }

  async #enable(name: string, to: { readonly workspace: string; readonly enabled: boolean }): Promise<void> {
    const { workspace, enabled } = to;
    if (await this.#store.enableWorkflow(workspace, name, enabled)) {
      // At once: where it is enabled before a maintenance round has seen this, nothing may be made up for either.
      if (!enabled) await Promise.all([this.#store.schedules.prune(), this.#store.polls.sync()]);
      return;
    }
    const known = await this.#store.workflows(workspace);
    throw new FlowForgeError("workflow_not_found", {
      subject: `workflow "${name}" in workspace "${workspace}"`,
      next: `Register it first.${didYouMean(
        name,
        known.map((workflow) => workflow.name),
      )}`,
    });
  }

  /** All versions of a workflow, the newest first. */
  async versions(name: string, options: InWorkspace = {}): Promise<readonly WorkflowVersion[]> {
    return this.#store.workflowVersions(workspaceOf(options, "workflows.versions"), name);
  }

  /**
   * The version that a new run of this workflow gets, or this one. Throws `workflow_not_found`.
   * @internal
   */
  async resolve(workflow: Workflow | string, workspace: string, wanted?: number): Promise<WorkflowVersion> {
    const name = typeof workflow === "string" ? workflow : workflow.name;
    const own = typeof workflow === "string" ? this.#own.get(name) : workflow;
    const newest = own && (await this.#saveOnce(workspace, own));
    if (newest && (wanted === undefined || wanted === newest.version)) return newest;
    // Which one is the newest is asked every time, so that a run has what was registered before it was started, whoever did that.
    const head = await this.#store.versionHead(workspace, name, wanted);
    const key = head && { workspace, workflow: name, version: head.version };
    const version = key && (await this.#plans.version(key, head));
    if (version) return version;
    throw new FlowForgeError("workflow_not_found", {
      subject: `workflow "${name}"${wanted === undefined ? "" : ` version ${wanted}`} in workspace "${workspace}"`,
      next: `Pass it to createEngine({ workflows }) or register it first.${didYouMean(name, this.#own.keys())}`,
    });
  }

  /**
   * The workspace was deleted.
   * @internal
   */
  async forget(workspace: string): Promise<void> {
    const now = performance.now();
    this.#deletedAt.set(workspace, now);
    // What is older is asked for anyway.
    for (const [name, at] of this.#deletedAt) if (at < now - SAVED_MS) this.#deletedAt.delete(name);
    await this.#versions.forget(workspace);
  }

  #saveOnce(workspace: string, workflow: Workflow): Promise<WorkflowVersion> {
    let saved = this.#saved.get(workflow);
    if (!saved) this.#saved.set(workflow, (saved = new Map()));
    const known = saved.get(workspace);
    const since = Math.max(performance.now() - SAVED_MS, this.#deletedAt.get(workspace) ?? 0);
    if (known && known.at > since) return known.version;
    const version = this.#save(workspace, workflow.document);
    saved.set(workspace, { version, at: performance.now() });
    version.catch(() => saved.delete(workspace));
    return version;
  }

  async #save(workspace: string, written: WorkflowDocument): Promise<WorkflowVersion> {
    const document = withLanes(written, this.#actions);
    const version = await this.#store.saveWorkflow(workspace, document, checksumOf(document));
    this.#plans.put(version);
    this.#versions.share(version);
    return version;
  }
}
