/** Random documents: well formed ones, and ones that somebody has damaged. */
import fc from "fast-check";
import type { WorkflowDocument } from "../../../src/core/definition/document.ts";

const id = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,6}$/);
/** Names of signals and labels. */
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,6}$/);
const duration = fc.oneof(fc.nat(1_000_000), fc.constantFrom("1s", "5m", "3d", "0ms"));
/** A key `__proto__` is well formed JSON, and refused. */
const template = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !JSON.stringify(value).includes("__proto__"));
const common = { description: fc.string({ maxLength: 20 }), join: fc.constantFrom("settled", "all") };

const node = fc.oneof(
  fc.record(
    {
      ...common,
      kind: fc.constant("trigger"),
      source: fc.constantFrom({ type: "manual" }, { type: "webhook", path: "orders" }),
      input: template,
    },
    { requiredKeys: ["kind"] },
  ),
  fc.record(
    {
      ...common,
      kind: fc.constant("action"),
      action: fc.constantFrom("log", "billing.charge", "w/inline"),
      input: template,
      timeout: duration,
      retry: fc.record(
        { immediate: fc.nat(10), backoff: fc.array(duration, { maxLength: 3 }) },
        { requiredKeys: [] },
      ),
      lane: fc.constantFrom("default", "slow"),
    },
    { requiredKeys: ["kind", "action"] },
  ),
  fc.record(
    {
      ...common,
      kind: fc.constant("condition"),
      cases: fc.array(fc.record({ outcome: id, if: fc.constantFrom("true", "input.a > 1") }), {
        minLength: 1,
        maxLength: 3,
      }),
    },
    { requiredKeys: ["kind", "cases"] },
  ),
  fc.record(
    {
      ...common,
      kind: fc.constant("wait"),
      for: fc.oneof(
        fc.record({ duration }),
        fc.record({ signal: name, timeout: duration }),
        fc.record({ until: fc.nat() }),
      ),
      onTimeout: fc.constantFrom("fail", "skip"),
    },
    { requiredKeys: ["kind", "for"] },
  ),
);

/** Well formed; whether it makes sense is another matter. */
export const documents: fc.Arbitrary<WorkflowDocument> = fc
  .dictionary(id, node, { minKeys: 1, maxKeys: 8, noNullPrototype: true })
  .chain((nodes) => {
    const end = fc.constantFrom(...Object.keys(nodes));
    return fc.record(
      {
        format: fc.constant(1 as const),
        name: fc.constantFrom("w", "shop/orders"),
        description: fc.string({ maxLength: 20 }),
        labels: fc.dictionary(name, fc.string({ maxLength: 10 }), { noNullPrototype: true }),
        nodes: fc.constant(nodes as WorkflowDocument["nodes"]),
        edges: fc.array(fc.record({ from: end, to: end, on: id }, { requiredKeys: ["from", "to"] }), {
          maxLength: 12,
        }),
        output: template as fc.Arbitrary<never>,
      },
      { requiredKeys: ["format", "name", "nodes", "edges"] },
    );
  });

/** The same value with the keys of all its objects in another order. */
export function shuffled(value: unknown, order: (keys: readonly string[]) => readonly string[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  const members = value as Record<string, unknown>;
  return Object.fromEntries(order(Object.keys(members)).map((key) => [key, shuffled(members[key], order)]));
}

/** A document in which one value, somewhere, was replaced by anything at all. */
export const damaged: fc.Arbitrary<unknown> = fc
  .tuple(documents, fc.array(fc.nat(20), { maxLength: 5 }), strange())
  .map(([document, steps, value]) => replaced(JSON.parse(JSON.stringify(document)), steps, value));

/** Anything, also what JSON does not know, and texts that look like more than they are. */
export function strange(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    }),
    fc.constantFrom(
      "{{",
      "{{ input.a",
      "\\{{",
      "__proto__",
      "9".repeat(400) + "d",
      1e308,
      -0,
      Number.MAX_VALUE,
      () => 1,
      Symbol("x"),
    ),
  );
}

function replaced(value: unknown, [step, ...rest]: readonly number[], by: unknown): unknown {
  if (step === undefined || typeof value !== "object" || value === null) return by;
  const keys = Object.keys(value);
  if (keys.length === 0) return by;
  const key = keys[step % keys.length] as string;
  const members = value as Record<string, unknown>;
  members[key] = replaced(members[key], rest, by);
  return value;
}
