/** What the stage's engine can run. */
import { z } from "zod";
import { type Action, defineAction, PermanentError } from "../../src/index.ts";

const any = z.any();

const ok = defineAction({
  name: "shop.ok",
  description: "Gives back what it was given.",
  input: any,
  output: any,
  effect: "readonly",
  run: ({ input, logger }) => {
    logger.info({ keys: Object.keys((input as object | null) ?? {}).length }, "looked at the input");
    return (input ?? null) as unknown;
  },
});

const refuse = defineAction({
  name: "shop.refuse",
  input: any,
  output: any,
  effect: "idempotent",
  run: ({ input }) => {
    const { id } = input as { id: string };
    throw new PermanentError(`The bank does not know payment ${id}: account closed (code 4711)`);
  },
});

const sometimes = defineAction({
  name: "shop.sometimes",
  input: z.object({ at: z.number() }),
  output: any,
  effect: "idempotent",
  run: ({ input }) => {
    if (input.at % 100 === 7) throw new PermanentError(`Contact ${input.at} has no address`);
    return { at: input.at };
  },
});

const inbox = defineAction({
  name: "shop.inbox",
  description: "Letters of customers.",
  input: any,
  output: any,
  effect: "readonly",
  run: () => ({ items: [{ id: "letter_1" }], cursor: { page: 7 } }),
});

const offline = defineAction({
  name: "shop.offline",
  input: any,
  output: any,
  effect: "readonly",
  run: () => {
    throw new PermanentError(`The mail server is away: <b>maintenance</b>`);
  },
});

const carrier = defineAction({
  name: "shop.carrier",
  description: "Is away for as long as the stage is there.",
  input: any,
  output: any,
  effect: "idempotent",
  run: () => {
    throw Object.assign(new Error("The carrier does not answer"), { code: "ECONNREFUSED" });
  },
});

export const actions: readonly Action[] = [ok, refuse, sometimes, inbox, offline, carrier];

const order = {
  format: 1,
  name: "order",
  description: "From a paid order to a parcel, with an approval for large ones.",
  input: {
    type: "object",
    properties: {
      customer: { type: "string", description: "Its id in the shop" },
      cents: { type: "integer" },
      email: { type: "string" },
      items: { type: "array", items: { type: "string" } },
      express: { type: "boolean" },
      channel: { type: "string", enum: ["web", "phone"] },
    },
    required: ["customer", "cents", "email", "items"],
  },
  nodes: {
    received: { kind: "trigger" },
    fraud: { kind: "action", action: "shop.ok", input: { score: 0.1, cents: "{{ input.cents }}" } },
    reserve: { kind: "action", action: "shop.ok", input: { items: "{{ input.items }}" } },
    size: { kind: "condition", cases: [{ outcome: "large", if: "input.cents > 100000" }] },
    approval: { kind: "wait", for: { signal: "approved", timeout: "3d" }, onTimeout: "skip" },
    charge: {
      kind: "action",
      action: "shop.ok",
      input: { customer: "{{ input.customer }}", cents: "{{ input.cents }}" },
    },
    ship: {
      kind: "action",
      action: "shop.ok",
      join: "all",
      input: { items: "{{ nodes.reserve.output.items }}" },
    },
    notify: { kind: "action", action: "shop.ok", input: { to: "{{ input.email }}", text: "On its way" } },
  },
  edges: [
    { from: "received", to: "fraud" },
    { from: "received", to: "reserve" },
    { from: "fraud", to: "size" },
    { from: "size", to: "approval", on: "large" },
    { from: "size", to: "charge", on: "else" },
    { from: "approval", to: "charge", on: "received" },
    { from: "charge", to: "ship" },
    { from: "reserve", to: "ship" },
    { from: "ship", to: "notify" },
  ],
};

const refund = {
  format: 1,
  name: "refund",
  nodes: {
    asked: { kind: "trigger" },
    look: { kind: "action", action: "shop.ok", input: { id: "{{ input.id }}" } },
    refund: { kind: "action", action: "shop.refuse", input: { id: "{{ nodes.look.output.id }}" } },
    tell: { kind: "action", action: "shop.ok", input: { refunded: "{{ nodes.refund.output }}" } },
  },
  edges: [
    { from: "asked", to: "look" },
    { from: "look", to: "refund" },
    { from: "refund", to: "tell" },
  ],
};

const importContacts = {
  format: 1,
  name: "import-contacts",
  nodes: {
    begin: { kind: "trigger" },
    each: {
      kind: "action",
      action: "shop.sometimes",
      forEach: "input.contacts",
      input: { at: "{{ item }}" },
    },
  },
  edges: [{ from: "begin", to: "each" }],
};

const welcome = {
  format: 1,
  name: "welcome",
  nodes: { mail: { kind: "action", action: "shop.ok", input: { to: "{{ input.name }}" } } },
  edges: [],
};

const onboarding = {
  format: 1,
  name: "onboarding",
  nodes: {
    account: { kind: "action", action: "shop.ok", input: { name: "{{ input.name }}" } },
    welcome: {
      kind: "action",
      action: "workflow.run",
      input: { workflow: "welcome", input: { name: "{{ input.name }}" } },
    },
  },
  edges: [{ from: "account", to: "welcome" }],
};

const nightly = {
  format: 1,
  name: "nightly-report",
  nodes: {
    night: { kind: "trigger", source: { type: "schedule", cron: "0 3 * * *", timeZone: "Europe/Berlin" } },
    report: { kind: "action", action: "shop.ok", input: {} },
  },
  edges: [{ from: "night", to: "report" }],
};

const payment = {
  format: 1,
  name: "payment-hook",
  nodes: {
    paid: {
      kind: "trigger",
      source: { type: "webhook", path: "payments", signature: { scheme: "none" } },
    },
    book: { kind: "action", action: "shop.ok", input: { payment: "{{ input }}" } },
  },
  edges: [{ from: "paid", to: "book" }],
};

const poll = (name: string, action: string): object => ({
  format: 1,
  name,
  nodes: {
    mail: { kind: "trigger", source: { type: "poll", action, every: "1h" } },
    read: { kind: "action", action: "shop.ok", input: { letter: "{{ input }}" } },
  },
  edges: [{ from: "mail", to: "read" }],
});

const thanks = {
  format: 1,
  name: "thanks",
  nodes: {
    paid: { kind: "trigger", source: { type: "event", name: "order.paid" } },
    write: { kind: "action", action: "shop.ok", input: { order: "{{ input.order }}" } },
  },
  edges: [{ from: "paid", to: "write" }],
};

/** So large that it must be moved through: 20 columns of 10 nodes. */
const WIDE = 10;
const LONG = 20;
const wideIds = Array.from({ length: LONG }, (_, column) =>
  Array.from({ length: WIDE }, (__, row) => `step_${column + 1}_${row + 1}`),
);
const wide = {
  format: 1,
  name: "wide",
  nodes: Object.fromEntries(
    wideIds.flat().map((id) => [id, { kind: "action", action: "shop.ok", input: { id } }]),
  ),
  edges: wideIds
    .slice(1)
    .flatMap((column, at) =>
      column.flatMap((to, row) => [
        { from: wideIds[at]![row]!, to },
        ...(row % 3 === 0 ? [{ from: wideIds[at]![(row + 1) % WIDE]!, to }] : []),
      ]),
    ),
};

const parcel = {
  format: 1,
  name: "parcel",
  nodes: { send: { kind: "action", action: "shop.carrier" } },
  edges: [],
};

/** Its lane is one that no worker of the stage takes. */
const labels = {
  format: 1,
  name: "labels",
  nodes: {
    print: { kind: "action", action: "shop.ok", lane: "printers", input: { order: "{{ input.order }}" } },
  },
  edges: [],
};

export const documents: readonly object[] = [
  order,
  refund,
  importContacts,
  welcome,
  onboarding,
  nightly,
  payment,
  poll("letters", "shop.inbox"),
  poll("postcards", "shop.offline"),
  thanks,
  parcel,
  labels,
  wide,
];
