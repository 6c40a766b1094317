/** The triggers by which something outside finds a workflow. */
import { expect, test } from "vitest";
import { boundTriggers } from "../../../src/core/graph/bound-triggers.ts";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import { step, workflow } from "./documents.ts";

test("those that something outside fires, in the order of the document, each with its name", () => {
  const hook = { type: "webhook", path: "orders" };
  const paid = { type: "event", name: "paid" };
  const daily = { type: "schedule", cron: "@daily" };
  const nodes = {
    a: step,
    byHand: { kind: "trigger", source: { type: "manual" } },
    hook: { kind: "trigger", source: hook },
    plain: { kind: "trigger" },
    open: { kind: "trigger", source: undefined },
    paid: { kind: "trigger", source: paid },
    daily: { kind: "trigger", source: daily },
  };
  expect(boundTriggers(workflow({ nodes }) as WorkflowDocument)).toEqual([
    { node: "hook", name: "orders", source: hook },
    { node: "paid", name: "paid", source: paid },
    { node: "daily", name: null, source: daily },
  ]);
});
