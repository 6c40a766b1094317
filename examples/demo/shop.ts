/** What else the shop does while somebody looks at the dashboard: refunds that wait for an approval or fail, and letters to all customers. */
import { setTimeout as pause } from "node:timers/promises";
import { defineWorkflow, type Engine, type Workflow } from "../../src/index.ts";

const EVERY_MS = 1_500;
/** Above this somebody must say yes; `service.ts` knows which accounts are closed. */
const APPROVED_CENTS = 20_000;

/** `service`: the address of the shop's partners. */
export function shopWorkflows(service: string): readonly Workflow[] {
  const call: Call = (path, body) => ({
    kind: "action",
    action: "http.request",
    input: { method: "POST", url: service + path, body },
  });
  return [refund(call), letters(call), FILING].map((document) => defineWorkflow(document));
}

/** A node that sends a body to a path of the partners'. */
type Call = (path: string, body: object) => object;

function refund(call: Call): object {
  return {
    format: 1,
    name: "refund",
    description:
      "Money back to a customer. Large sums wait until somebody sends the signal “approved”; closed accounts become dead letters.",
    input: {
      type: "object",
      properties: {
        customer: {
          type: "string",
          description: "Its id, as c_7; those that end in 3 have a closed account",
        },
        cents: { type: "integer", description: `Above ${APPROVED_CENTS} somebody must approve it` },
      },
      required: ["customer", "cents"],
    },
    nodes: {
      asked: { kind: "trigger" },
      size: { kind: "condition", cases: [{ outcome: "large", if: `input.cents > ${APPROVED_CENTS}` }] },
      approval: { kind: "wait", for: { signal: "approved", timeout: "1h" }, onTimeout: "skip" },
      pay: call("/refunds", { customer: "{{ input.customer }}", cents: "{{ input.cents }}" }),
      tell: call("/mail", { to: "{{ input.customer }}", subject: "Your money is on its way" }),
    },
    edges: [
      { from: "asked", to: "size" },
      { from: "size", to: "approval", on: "large" },
      { from: "size", to: "pay", on: "else" },
      { from: "approval", to: "pay", on: "received" },
      { from: "pay", to: "tell" },
    ],
  };
}

function letters(call: Call): object {
  return {
    format: 1,
    name: "letters",
    description:
      "Every 20 seconds one letter to each customer, eight at once, and a child run that files them.",
    nodes: {
      clock: { kind: "trigger", source: { type: "schedule", every: "20s" } },
      customers: call("/customers", {}),
      each: {
        ...call("/letters", { to: "{{ item }}", number: "{{ index }}" }),
        forEach: "nodes.customers.output.body.customers",
        concurrency: 8,
      },
      file: {
        kind: "action",
        action: "workflow.run",
        input: { workflow: "filing", input: { letters: "{{ size(nodes.each.output) }}" } },
      },
    },
    edges: [
      { from: "clock", to: "customers" },
      { from: "customers", to: "each" },
      { from: "each", to: "file" },
    ],
  };
}

const FILING = {
  format: 1,
  name: "filing",
  nodes: {
    drawer: { kind: "wait", for: { duration: "2s" } },
    filed: { kind: "action", action: "transform", input: { filed: "{{ input.letters }}" } },
  },
  edges: [{ from: "drawer", to: "filed" }],
};

/** Starts orders and refunds, one after the other, until `signal` aborts. `order`: the input of the first one. */
export async function keepBusy(engine: Engine, order: object, signal: AbortSignal): Promise<void> {
  for (let number = 1; !signal.aborted; number++) {
    const customer = `c_${number % 17}`;
    const cents = (number * 7_919) % 90_000;
    const labels = { customer };
    const id = `A-${1_001 + number}`;
    await engine.runs.start("order-fulfilment", { input: { ...order, id, customer, cents }, labels });
    if (number % 3 === 0)
      await engine.runs.start("refund", { input: { customer, cents: (number * 3_571) % 30_000 }, labels });
    await pause(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}
