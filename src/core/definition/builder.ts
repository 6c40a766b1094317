/** Records what `build` of `defineWorkflow` writes down: nodes, what they read and come after, and the actions they run. */
import type { ZodType } from "zod";
import { makeIssue, type Issue, type IssuePath } from "../graph/issues.ts";
import { RUN_WORKFLOW } from "../graph/plan.ts";
import type { Json } from "../json.ts";
import { type Action, makeAction } from "./action.ts";
import { buildEdges, type RecordedNode } from "./builder-edges.ts";
import type {
  ActionOptions,
  ChildOptions,
  CompensateOptions,
  InlineActionWithSchema,
  MapOptions,
  NodeOptions,
  TriggerOptions,
  WorkflowBuilder,
} from "./builder-types.ts";
import type { EdgeDocument, NodeDocument } from "./document.ts";
import { makeExpr, makeText } from "./interpolation.ts";
import { type NodeRead, makeRef, refuseUse, sourceOf } from "./refs.ts";
import { Templates } from "./templates.ts";
import type { Workflow } from "./workflow-type.ts";

/** What the builder made of a workflow. */
export interface Built {
  readonly nodes: { readonly [id: string]: NodeDocument };
  readonly edges: readonly EdgeDocument[];
  readonly output: Json | undefined;
  readonly actions: readonly Action[];
  readonly children: readonly Workflow[];
  readonly issues: readonly Issue[];
}

interface Origin {
  readonly owner: object;
  readonly edge: Omit<EdgeDocument, "to">;
}

/** What nodes, and outcomes of nodes, stand for in `after`. */
const ORIGINS = new WeakMap<object, Origin>();

/** What is peculiar to a node, with members that its handle has besides. */
interface Recorded {
  readonly document: object;
  readonly reads: readonly NodeRead[];
  readonly compensate?: object;
}

type Given = readonly [input?: unknown, options?: ActionOptions & Partial<MapOptions>];
type Inline = InlineActionWithSchema<ZodType, ZodType>;

/** One per call of `defineWorkflow`. It is its own proof of origin: what another one made is refused. */
export class Recorder {
  readonly workflow: string;
  readonly builder: WorkflowBuilder;
  readonly #nodes = new Map<string, RecordedNode & { readonly document: object }>();
  readonly #compensations = new Map<string, object>();
  readonly #actions = new Set<Action>();
  readonly #children = new Set<Workflow>();
  readonly #issues: Issue[] = [];
  readonly #templates: Templates;
  #isOpen = true;

  constructor(workflow: string) {
    this.workflow = workflow;
    this.#templates = new Templates(this, this.#issues);
    const root = (expression: string): object => this.#root(expression);
    this.builder = Object.freeze({
      input: root("input"),
      run: root("run"),
      fired: root("trigger"),
      event: root("event"),
      trigger: this.#trigger.bind(this),
      action: this.#action.bind(this),
      child: this.#child.bind(this),
      condition: this.#condition.bind(this),
      wait: this.#wait.bind(this),
      expr: makeExpr(this),
      text: makeText(this),
    }) as object as WorkflowBuilder;
  }

  /** The template of the key under which runs are counted. */
  concurrencyKey(value: unknown): Json | undefined {
    return this.#templates.template(value, ["concurrency", "key"]).json;
  }

  /** What was recorded. Nothing can be added afterwards. */
  finish(output: unknown): Built {
    this.#isOpen = false;
    const { edges, joinAll, issues } = buildEdges([...this.#nodes.values()]);
    // Without a prototype, so that a node named `__proto__` is there to be refused.
    const nodes = Object.create(null) as Record<string, NodeDocument>;
    for (const [id, { document }] of this.#nodes) {
      const compensate = this.#compensations.get(id);
      nodes[id] = {
        ...document,
        ...(joinAll.has(id) ? { join: "all" } : {}),
        ...(compensate ? { compensate } : {}),
      } as NodeDocument;
    }
    return {
      nodes,
      edges,
      output: output === undefined ? undefined : this.#templates.template(output, ["output"]).json,
      actions: [...this.#actions],
      children: [...this.#children],
      issues: [...this.#issues, ...issues],
    };
  }

  #root(expression: string): object {
    return makeRef({ expression, reads: [], owner: this });
  }

  #trigger(id: string, source: object, options: TriggerOptions<Json> = {}): object {
    const { input, ...rest } = options;
    const { filter, ...plain } = source as { readonly filter?: unknown };
    const path = ["nodes", id];
    const filterText = this.#templates.expression(filter, [...path, "source", "filter"]).json;
    const template = this.#templates.template(input, [...path, "input"]).json;
    const document = {
      ...rest,
      kind: "trigger",
      source: defined({ ...plain, filter: filterText }),
      input: template,
    };
    this.#add(id, { document, isTrigger: true, after: [], reads: [], hasJoin: true });
    return this.#handle(id, {});
  }

  #action(id: string, action: Action | Inline | string, ...[input, options = {}]: Given): object {
    const template = isItemInput(input) ? input(this.#root("item"), this.#root("index")) : input;
    const { json, reads: inputReads } = this.#templates.template(template, ["nodes", id, "input"]);
    const list = this.#templates.expression(options.forEach, ["nodes", id, "forEach"]);
    const lane = options.lane ?? (typeof action === "string" ? undefined : action.lane);
    const name = this.#nameOf(id, action);
    const key = this.#templates.template(options.idempotencyKey, ["nodes", id, "idempotencyKey"]);
    const document = {
      kind: "action",
      action: name,
      forEach: list.json,
      input: json,
      idempotencyKey: key.json,
      lane,
    };
    const reads = [...list.reads, ...inputReads, ...key.reads];
    const compensate = (...given: readonly [Action | string, unknown?, CompensateOptions?]): void =>
      this.#compensate(id, ...given);
    return this.#node(id, options, { document, reads, compensate });
  }

  // The host writes it so: id, workflow, input, options.
  // oxlint-disable-next-line max-params
  #child(id: string, workflow: Workflow | string, input?: unknown, options: ChildOptions = {}): object {
    const name = typeof workflow === "string" ? workflow : workflow.name;
    if (typeof workflow !== "string") this.#children.add(workflow);
    const { version, trigger, labels, deadline, ...rest } = options;
    const template = isItemInput(input) ? input(this.#root("item"), this.#root("index")) : input;
    const request = defined({ workflow: name, version, trigger, input: template, labels, deadline });
    return this.#action(id, RUN_WORKFLOW, request, rest);
  }

  // The host writes it so: the node's id is added here.
  // oxlint-disable-next-line max-params
  #compensate(id: string, action: Action | string, input?: unknown, options: CompensateOptions = {}): void {
    const path = ["nodes", id, "compensate"];
    if (!this.#isOpen) refuseUse(this, path.join("."), "is added after `build` has returned");
    if (this.#compensations.has(id)) {
      this.#issues.push(
        makeIssue("field_invalid", path, {
          message: `"${id}" has a compensation already.`,
          next: "Let one action undo all that the node did.",
        }),
      );
      return;
    }
    const template = isItemInput(input)
      ? input(this.#root("item"), this.#root("index"), this.#read(id, "output", false))
      : input;
    const { json } = this.#templates.template(template, [...path, "input"]);
    this.#compensations.set(id, defined({ action: this.#nameOf(id, action), input: json, ...options }));
  }

  #nameOf(id: string, action: Action | Inline | string): string {
    if (typeof action === "string") return action;
    const made = isAction(action) ? action : makeAction(action, `${this.workflow}/${id}`);
    this.#actions.add(made);
    return made.name;
  }

  #condition(id: string, cases: { readonly [name: string]: unknown }, options: NodeOptions = {}): object {
    const read = Object.entries(cases).map(([outcome, value], index) => ({
      outcome,
      ...this.#templates.expression(value, ["nodes", id, "cases", index, "if"]),
    }));
    const document = { kind: "condition", cases: read.map(({ outcome, json }) => ({ outcome, if: json })) };
    return this.#node(id, options, { document, reads: read.flatMap(({ reads }) => reads) });
  }

  #wait(id: string, settings: NodeOptions & { readonly [field: string]: unknown }): object {
    const { after, description, join, onTimeout, match, until, ...plain } = settings;
    const path = ["nodes", id, "for"];
    const matched = this.#templates.expression(match, [...path, "match"]);
    const time = this.#templates.template(until, [...path, "until"]);
    const document = {
      kind: "wait",
      for: defined({ ...plain, until: time.json, match: matched.json }),
      onTimeout,
    };
    const options = defined({ after, description, join }) as NodeOptions;
    return this.#node(id, options, { document, reads: [...time.reads, ...matched.reads] });
  }

  /** Every kind but a trigger. */
  #node(id: string, { after = [], ...options }: NodeOptions, { document, reads, ...more }: Recorded): object {
    const origins = (Array.isArray(after) ? (after as readonly unknown[]) : [after]).flatMap((one) =>
      this.#originOf(one, ["nodes", id]),
    );
    const hasJoin = options.join !== undefined;
    this.#add(id, {
      document: { ...options, ...document },
      isTrigger: false,
      after: origins,
      reads,
      hasJoin,
    });
    return this.#handle(id, {
      output: this.#read(id, "output", false),
      error: this.#read(id, "error", true),
      status: this.#read(id, "status", false),
      ...more,
    });
  }

  #read(id: string, member: string, failure: boolean): object {
    return makeRef({ expression: `nodes.${id}.${member}`, reads: [{ id, failure }], owner: this });
  }

  #originOf(value: unknown, path: IssuePath): readonly Origin["edge"][] {
    const origin = typeof value === "object" && value !== null ? ORIGINS.get(value) : undefined;
    if (origin?.owner === this) return [origin.edge];
    this.#issues.push(
      makeIssue("node_unknown", path, {
        message: origin
          ? `"${origin.edge.from}" in \`after\` is a node of another workflow.`
          : "`after` holds something that is not a node.",
        next: 'Name nodes that this `build` has made, or outcomes of them: after: [paid, size.on("large")].',
      }),
    );
    return [];
  }

  #add(id: string, node: Omit<RecordedNode, "id"> & { readonly document: object }): void {
    if (!this.#isOpen) refuseUse(this, `nodes.${id}`, "is added after `build` has returned");
    if (this.#nodes.has(id)) {
      this.#issues.push(
        makeIssue("node_id_invalid", ["nodes", id], {
          message: `There are two nodes with the id "${id}".`,
          next: "Give each node an id of its own.",
        }),
      );
      return;
    }
    this.#nodes.set(id, { id, ...node, document: defined(node.document) });
  }

  #handle(id: string, members: object): object {
    const arrival = (edge: Origin["edge"], target: object): object => {
      ORIGINS.set(target, { owner: this, edge });
      return Object.freeze(target);
    };
    const on = (outcome: string): object => arrival({ from: id, on: outcome }, {});
    return arrival({ from: id }, { id, on, ...members });
  }
}

/** What the items of a map pass on. References can be called too, and are none. */
function isItemInput(input: unknown): input is (item: object, index: object, output?: object) => unknown {
  return typeof input === "function" && sourceOf(input) === undefined;
}

/** Absent members, as in JSON. */
function defined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function isAction(value: Action | Inline): value is Action {
  return "kind" in value && value.kind === "flowforge.action";
}
