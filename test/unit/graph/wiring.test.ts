/** Where definitions come in: `defineWorkflow`, `workflows.register` and `workflows.validate`. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ActionRegistry } from "../../../src/actions/registry.ts";
import { silentLogger } from "../../../src/engine/silent-logger.ts";
import { WorkflowsApi } from "../../../src/engine/workflows.ts";
import * as flowforge from "../../../src/index.ts";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { Plans } from "../../../src/worker/plans.ts";
import { Versions } from "../../../src/worker/versions.ts";
import { brief, edges, step, trigger, workflow } from "./documents.ts";

const { defineAction, DefinitionError, defineWorkflow } = flowforge;

const broken = workflow({
  nodes: { s: trigger, a: { ...step, timeout: "soon" }, b: step },
  edges: edges("s -> a", "a -> b", "b -> a", "b -> none"),
});
const BROKEN = ["duration_invalid nodes.a.timeout", "node_unknown edges.3.to", "cycle edges.2"];

function refusal(call: () => unknown): flowforge.DefinitionError {
  try {
    call();
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("defineWorkflow", () => {
  test("throws one error with every problem", () => {
    const error = refusal(() => defineWorkflow(broken));
    expect(brief(error)).toEqual(BROKEN);
    expect(error).toMatchObject({ code: "definition_invalid", subject: 'workflow "w"' });
    expect(error.received).toMatch(/^3 problems: nodes\.a\.timeout: /);
  });

  test("refuses what is no object at all, with a name for it", () => {
    for (const nothing of [null, undefined, 5, "{}", []]) {
      expect(refusal(() => defineWorkflow(nothing)).subject).toBe('workflow "(without a name)"');
    }
  });

  test("does not ask whether an action exists, and lets hints pass", () => {
    const nodes = {
      a: { kind: "condition", cases: [{ outcome: "yes", if: "true" }] },
      b: { ...step, action: "of/another" },
    };
    const { document, actions } = defineWorkflow(workflow({ nodes, edges: edges("a -yes-> b") }));
    expect(document.nodes.b).toEqual({ ...step, action: "of/another" });
    expect(actions).toEqual([]);
  });
});

describe("engine.workflows", () => {
  const pay = defineAction({ name: "pay", input: z.object({ cents: z.number() }), run: () => null });

  function api(): WorkflowsApi {
    const store = createMemoryStore();
    const observer = { definition: () => {} };
    const versions = new Versions({ store, cache: null, observer, logger: silentLogger });
    return new WorkflowsApi({
      store,
      versions,
      plans: new Plans({ versions, observer }),
      own: new Map(),
      actions: new ActionRegistry([pay]),
      stats: { workflow: () => Promise.reject(new Error("not asked")) },
    });
  }

  const unknown = workflow({ nodes: { a: { kind: "action", action: "pays", input: { cents: 5 } } } });
  const wrong = workflow({ nodes: { a: { kind: "action", action: "pay", input: { cents: "five" } } } });

  test("validate reports actions that this engine does not have, and inputs that do not fit", () => {
    expect(brief(api().validate(unknown))).toEqual(["action_unknown nodes.a.action"]);
    expect(api().validate(unknown).issues[0]?.next).toContain('Did you mean "pay"?');
    expect(brief(api().validate(wrong))).toEqual(["action_input_invalid nodes.a.input.cents"]);
    expect(brief(api().validate(broken)).slice(0, 3)).toEqual(BROKEN);
  });

  test("validate stores nothing and does not throw", async () => {
    const workflows = api();
    workflows.validate(workflow({ nodes: { a: step } }));
    workflows.validate(undefined);
    expect(await workflows.list()).toEqual([]);
  });

  test("register refuses neither, because the action may live in another process", async () => {
    const workflows = api();
    expect(await workflows.register(unknown as flowforge.WorkflowDocument)).toMatchObject({ version: 1 });
    expect(await workflows.register(wrong as flowforge.WorkflowDocument)).toMatchObject({ version: 2 });
  });

  test("register refuses everything else, with every problem", async () => {
    const workflows = api();
    const error: unknown = await workflows
      .register(broken as flowforge.WorkflowDocument)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DefinitionError);
    expect(brief(error as flowforge.DefinitionError)).toEqual(BROKEN);
    expect(await workflows.list()).toEqual([]);
  });
});

test("the package exports what a host needs to check definitions of its own", () => {
  const { validateWorkflow, ISSUE_CODES, HINT_CODES } = flowforge;
  const catalogue: flowforge.ActionCatalogue = { names: () => [], get: () => undefined };
  const limits: Partial<flowforge.ValidationLimits> = { maxNodes: 0 };
  const result: flowforge.ValidationResult = validateWorkflow(
    workflow({ nodes: { a: step } }),
    catalogue,
    limits,
  );
  const codes: readonly flowforge.IssueCode[] = result.issues.map((issue: flowforge.Issue) => issue.code);
  expect(codes).toEqual(["limit_nodes"]);
  expect(Object.keys(ISSUE_CODES)).toContain(codes[0]);
  expect(HINT_CODES.has("maybe_null")).toBe(true);
});
