/** What a start asks for, checked, as the run that is stored. */
import type { WorkflowDocument } from "../core/definition/document.ts";
import type { Workflow } from "../core/definition/workflow.ts";
import type { Plan } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { NewRun } from "../core/ports/commit.ts";
import type { WorkflowVersion } from "../core/ports/store.ts";
import type { Worker } from "../worker/worker.ts";
import type { StartOptions } from "./call-options.ts";
import { checkedValue } from "./checked-value.ts";
import { type InputCheck, inputCheck } from "./input-check.ts";
import { firedPayload, type Firing } from "./prepared-start.ts";
import { triggerOf } from "./start-checks.ts";
import { startKey } from "./start-key.ts";

export interface Asked {
  readonly version: WorkflowVersion;
  readonly plan: Plan;
  readonly workflow: Workflow | string;
  readonly options: StartOptions;
  /** When it begins. `undefined`: at once. */
  readonly at: number | undefined;
  readonly fired: Firing;
}

export class NewRuns {
  readonly #worker: Pick<Worker, "clock" | "table">;
  readonly #checks = new WeakMap<WorkflowDocument, InputCheck>();

  constructor(worker: Pick<Worker, "clock" | "table">) {
    this.#worker = worker;
  }

  /** Throws `trigger_required`, `input_invalid`, `value_invalid` and what a trigger's template can throw. */
  make({ version, plan, workflow, options, at, fired: firing }: Asked): NewRun {
    const { workspace, name, version: number } = version;
    const trigger = triggerOf(plan, name, options.trigger);
    const payload = this.input(options.input, name);
    const now = Math.max(this.#worker.clock.now(), at ?? 0);
    const fired = firedPayload(trigger, payload, { ...firing, firedAt: firing.firedAt ?? now });
    const raw = trigger.input ? trigger.input.render({ trigger: fired }) : payload;
    const schema = typeof workflow === "string" ? undefined : workflow.inputSchema;
    const input = this.input(this.#check(version.document, schema)(raw), name);
    const { idempotencyKey, labels = {} } = options;
    const key =
      idempotencyKey === undefined
        ? null
        : startKey(name, idempotencyKey, { trigger: trigger.id, input: payload });
    return {
      workspace,
      workflow: name,
      version: number,
      trigger: trigger.id,
      input,
      triggerPayload: fired,
      labels,
      ...(key ? { key } : {}),
    };
  }

  /** A value that somebody gives for a run of the workflow. Throws `value_invalid`. */
  input(value: unknown, workflow: string): Json {
    return checkedValue(value, this.#worker.table.limits, `the input of workflow "${workflow}"`);
  }

  #check(document: WorkflowDocument, schema: Workflow["inputSchema"]): InputCheck {
    let check = this.#checks.get(document);
    if (!check) this.#checks.set(document, (check = inputCheck(document, schema)));
    return check;
  }
}
