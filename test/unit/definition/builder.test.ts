/** What the builder writes is what somebody would write by hand. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineAction } from "../../../src/core/definition/action.ts";
import type { WorkflowBuilder } from "../../../src/core/definition/builder-types.ts";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";
import { defineWorkflow, type Workflow } from "../../../src/core/definition/workflow.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import type { Json } from "../../../src/core/json.ts";

const charge = defineAction({
  name: "billing.charge",
  input: z.object({ customer: z.string(), cents: z.int() }),
  output: z.object({ id: z.string(), cents: z.int(), lines: z.array(z.object({ sku: z.string() })) }),
  run: () => ({ id: "ch_1", cents: 1, lines: [] }),
});
const mail = defineAction({ name: "mail.send", run: () => null });

/** A document as it is written by hand. */
function byHand(document: Omit<WorkflowDocument, "format" | "name">): WorkflowDocument | null {
  const { document: normal, issues } = validateWorkflow({ format: 1, name: "w", ...document });
  expect(issues.filter(({ severity }) => severity === "error")).toEqual([]);
  return normal;
}

const act = (input?: WorkflowDocument["output"]) =>
  input === undefined
    ? ({ kind: "action", action: "mail.send" } as const)
    : ({ kind: "action", action: "mail.send", input } as const);

const edgesOf = ({ document }: Workflow): readonly string[] =>
  document.edges.map(({ from, to, on }) => (on === undefined ? `${from} > ${to}` : `${from} ${on} > ${to}`));

describe("defineWorkflow({ build })", () => {
  test("a checkout, with data, conditions, waits and outcomes", () => {
    const checkout = defineWorkflow({
      name: "checkout",
      description: "Takes the money",
      labels: { team: "billing" },
      retry: { immediate: 1 },
      input: z.object({ customer: z.string(), cents: z.int().min(1).max(9), email: z.string() }),
      build({ input, action, condition, wait, expr, text }) {
        const paid = action("paid", charge, { customer: input.customer, cents: input.cents });
        const size = condition("size", { large: expr`${paid.output.cents} > 100000` });
        const approval = wait("approval", { signal: "approved", timeout: "3d", after: size.on("large") });
        action(
          "receipt",
          mail,
          { to: input.email, subject: text`Receipt ${paid.output.id}` },
          { after: [approval.on("received"), size.on("else")] },
        );
        action("refund", mail, { id: paid.output.id }, { after: approval.on("timeout") });
        return { chargeId: paid.output.id };
      },
    });
    expect(checkout.document).toEqual(
      validateWorkflow({
        format: 1,
        name: "checkout",
        description: "Takes the money",
        labels: { team: "billing" },
        retry: { immediate: 1 },
        input: {
          type: "object",
          properties: {
            customer: { type: "string" },
            cents: { type: "integer", minimum: 1, maximum: 9 },
            email: { type: "string" },
          },
          required: ["customer", "cents", "email"],
        },
        nodes: {
          paid: {
            kind: "action",
            action: "billing.charge",
            input: { customer: "{{ input.customer }}", cents: "{{ input.cents }}" },
          },
          size: {
            kind: "condition",
            cases: [{ outcome: "large", if: "nodes.paid.output.cents > 100000" }],
          },
          approval: { kind: "wait", for: { signal: "approved", timeout: "3d" } },
          receipt: act({ to: "{{ input.email }}", subject: "Receipt {{ nodes.paid.output.id }}" }),
          refund: act({ id: "{{ nodes.paid.output.id }}" }),
        },
        edges: [
          { from: "paid", to: "size" },
          { from: "size", to: "approval", on: "large" },
          { from: "approval", to: "receipt", on: "received" },
          { from: "size", to: "receipt", on: "else" },
          { from: "approval", to: "refund", on: "timeout" },
        ],
        output: { chargeId: "{{ nodes.paid.output.id }}" },
      }).document,
    );
    expect(checkout).toMatchObject({ kind: "flowforge.workflow", name: "checkout" });
    expect(checkout.actions).toEqual([charge, mail]);
    expect(checkout.inputSchema?.safeParse({ customer: "c", cents: 1, email: "e" }).success).toBe(true);
    expect(Object.isFrozen(checkout)).toBe(true);
  });

  test("every option of every kind", () => {
    const workflow = defineWorkflow({
      name: "w",
      build({ trigger, action, condition, wait, fired, event, run, input, expr, text }) {
        const hook = trigger(
          "hook",
          { type: "webhook", path: "orders", signature: { scheme: "stripe", secret: "hook" } },
          {
            description: "From the shop",
            input: { id: fired.payload.at("id"), host: fired.headers.at("host") },
          },
        );
        trigger("tick", { type: "schedule", cron: "0 9 * * *", timeZone: "Europe/Berlin" });
        trigger("placed", {
          type: "event",
          name: "order.placed",
          filter: expr`${fired.payload.at("n")} > 0`,
        });
        trigger("hand", { type: "manual" });
        const a = action("a", mail, null, {
          after: hook.on("fired"),
          description: "First",
          join: "all",
          credentials: ["stripe"],
          timeout: "30s",
          deadline: "1h",
          retry: { immediate: 0, backoff: ["1m", 5] },
          lane: "slow",
        });
        const c = condition(
          "c",
          { yes: expr`${a.status} == "failed"`, no: expr`true` },
          { after: a.on("error"), description: "Second", join: "settled" },
        );
        wait("time", {
          duration: 5,
          after: [c, a.on("success")],
          description: "Third",
          join: { first: true, cancelOthers: true },
        });
        wait("until", { until: text`${input.at("day")}T09:00:00Z`, after: c });
        wait("date", { until: "2027-01-31", after: c });
        wait("got", {
          event: "payment",
          match: expr`${event.payload.at("run")} == ${run.id} && ${event.name} != ""`,
          timeout: "1d",
          onTimeout: "skip",
          after: hook,
        });
      },
    });
    expect(workflow.document).toEqual(
      byHand({
        nodes: {
          hook: {
            kind: "trigger",
            description: "From the shop",
            source: { type: "webhook", path: "orders", signature: { scheme: "stripe", secret: "hook" } },
            input: { id: "{{ trigger.payload.id }}", host: "{{ trigger.headers.host }}" },
          },
          tick: {
            kind: "trigger",
            source: { type: "schedule", cron: "0 9 * * *", timeZone: "Europe/Berlin" },
          },
          placed: {
            kind: "trigger",
            source: { type: "event", name: "order.placed", filter: "trigger.payload.n > 0" },
          },
          hand: { kind: "trigger", source: { type: "manual" } },
          a: {
            kind: "action",
            action: "mail.send",
            input: null,
            description: "First",
            join: "all",
            credentials: ["stripe"],
            timeout: "30s",
            deadline: "1h",
            retry: { immediate: 0, backoff: ["1m", 5] },
            lane: "slow",
          },
          c: {
            kind: "condition",
            description: "Second",
            join: "settled",
            cases: [
              { outcome: "yes", if: 'nodes.a.status == "failed"' },
              { outcome: "no", if: "true" },
            ],
          },
          time: {
            kind: "wait",
            for: { duration: 5 },
            description: "Third",
            join: { first: true, cancelOthers: true },
          },
          until: { kind: "wait", for: { until: "{{ input.day }}T09:00:00Z" } },
          date: { kind: "wait", for: { until: "2027-01-31" } },
          got: {
            kind: "wait",
            for: {
              event: "payment",
              match: 'event.payload.run == run.id && event.name != ""',
              timeout: "1d",
            },
            onTimeout: "skip",
          },
        },
        edges: [
          { from: "hook", to: "a", on: "fired" },
          { from: "a", to: "c", on: "error" },
          { from: "c", to: "time" },
          { from: "a", to: "time", on: "success" },
          { from: "c", to: "until" },
          { from: "c", to: "date" },
          { from: "hook", to: "got" },
        ],
      }),
    );
    expect(workflow.document.output).toBeUndefined();
    expect(workflow.inputSchema).toBeUndefined();
  });

  test("plain texts stand for themselves, also where they look like templates", () => {
    const { document } = defineWorkflow({
      name: "w",
      build({ action, text, input }) {
        action("a", mail, {
          plain: "{{ input.secret }}",
          list: ["\\{{", { n: 1.5, none: null, left: undefined }],
        });
        return text`{{ ${input.at("x")} }}`;
      },
    });
    expect(document.nodes.a).toEqual(
      act({ plain: "\\{{ input.secret }}", list: ["\\\\{{", { n: 1.5, none: null }] }),
    );
    expect(document.output).toBe("\\{{ {{ input.x }} }}");
  });
});

describe("actions of the builder", () => {
  test("inline ones are registered as <workflow>/<node>", async () => {
    const workflow = defineWorkflow({
      name: "checkout",
      build({ action, input }) {
        const total = action(
          "total",
          { output: z.number(), effect: "readonly", timeout: "1m", run: ({ input }) => input.n + 1 },
          { n: 41, any: input },
        );
        action(
          "typed",
          { input: z.object({ n: z.number() }), run: ({ input }) => input.n },
          { n: total.output },
        );
      },
    });
    expect(workflow.document.nodes.total).toEqual({
      kind: "action",
      action: "checkout/total",
      input: { n: 41, any: "{{ input }}" },
    });
    const [total, typed] = workflow.actions;
    expect(total).toMatchObject({ name: "checkout/total", effect: "readonly", timeout: "1m" });
    expect(typed?.name).toBe("checkout/typed");
    expect(await total?.run({ input: { n: 41 } } as never)).toBe(42);
    expect(await typed?.run({ input: { n: 3 } } as never)).toBe(3);
  });

  test("one that runs twice is attached once, and one that is only named not at all", () => {
    const workflow = defineWorkflow({
      name: "w",
      build({ action }) {
        action("a", mail);
        action("b", mail);
        action("c", "of.another.process", { x: 1 });
      },
    });
    expect(workflow.actions).toEqual([mail]);
    expect(workflow.document.nodes.c).toEqual({
      kind: "action",
      action: "of.another.process",
      input: { x: 1 },
    });
  });
});

describe("edges of the builder", () => {
  const build = (write: (builder: WorkflowBuilder<Json, "w">) => void): Workflow =>
    defineWorkflow({ name: "w", build: write });

  test("data makes edges, and only where they are needed", () => {
    const workflow = build(({ action }) => {
      const a = action("a", mail);
      const b = action("b", mail, a.output);
      action("c", mail, [b.output, a.output, b.output]);
    });
    expect(edgesOf(workflow)).toEqual(["start > a", "a > b", "b > c"]);
  });

  test("an edge of data never opens a way that `after` keeps shut", () => {
    const workflow = build(({ action, condition, expr }) => {
      const a = action("a", mail);
      const c = condition("c", { yes: expr`${a.output} == 1` });
      action("d", mail, a.output, { after: c.on("yes") });
    });
    expect(edgesOf(workflow)).toEqual(["start > a", "a > c", "c yes > d"]);
  });

  test("data from another branch is needed too", () => {
    const workflow = build(({ action, condition, expr }) => {
      const z = action("z", mail);
      const c = condition("c", { yes: expr`true` });
      action("d", mail, z.output, { after: c.on("yes") });
      action("e", mail, z.output, { after: c.on("yes"), join: "settled" });
    });
    expect(edgesOf(workflow)).toEqual(["start > c", "start > z", "c yes > d", "z > d", "c yes > e", "z > e"]);
    expect(workflow.document.nodes.d).toMatchObject({ join: "all" });
    expect(workflow.document.nodes.e).toMatchObject({ join: "settled" });
  });

  test("who reads an error comes after the outcome `error`, unless it comes after the node anyway", () => {
    const workflow = build(({ action }) => {
      const a = action("a", mail);
      action("b", mail, a.error.message);
      action("c", mail, [a.error, a.output]);
      action("d", mail, a.error, { after: a });
    });
    expect(edgesOf(workflow)).toEqual(["start > a", "a error > b", "a > c", "a error > c", "a > d"]);
  });

  test("a node that comes after nothing starts with the run, whatever triggers it", () => {
    const workflow = build(({ action, trigger, input }) => {
      action("a", mail, input);
      const hook = trigger("hook", { type: "webhook", path: "x" });
      trigger("hand", { type: "manual" });
      action("b", mail, null, { after: hook });
    });
    expect(edgesOf(workflow)).toEqual(["hook > a", "hand > a", "hook > b"]);
  });

  test("ten thousand nodes are no burden", () => {
    const workflow = build(({ action }) => {
      const first = action("n0", mail);
      let last = first;
      for (let n = 1; n < 9_999; n++) last = action(`n${n}`, mail, [last.output, first.output]);
    });
    expect(workflow.document.edges).toHaveLength(9_999);
  });
});
