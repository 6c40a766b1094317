/** For every code a document that has this problem. The test beside this file says what each of them is told. */
import type { IssueCode } from "../../../src/core/graph/issues.ts";
import type { ValidationLimits } from "../../../src/core/graph/limits.ts";
import { condition, edges, reads, step, trigger, workflow } from "./documents.ts";

export interface IssueCase {
  readonly document: unknown;
  readonly limits?: Partial<ValidationLimits>;
}

const small = { nodes: { a: step, b: step }, edges: edges("a -> b") };
const schema = { type: "object", properties: { id: { type: "string" } } };

/** A document with the single node `a`. */
function node(a: object, rest: object = {}): IssueCase {
  return { document: workflow({ nodes: { a }, ...rest }) };
}

function graph(nodes: object, ...written: readonly string[]): IssueCase {
  return { document: workflow({ nodes, edges: edges(...written) }) };
}

const fork = condition({ yes: "true" });

export const ISSUE_CASES: { readonly [code in IssueCode]: IssueCase } = {
  action_input_invalid: node({ kind: "action", action: "charge", input: { cents: "ten" } }),
  action_unknown: node({ kind: "action", action: "chrage" }),
  child_invalid: node({ kind: "action", action: "workflow.run", input: { workflow: "ship" }, retry: {} }),
  condition_without_else: graph({ a: fork, b: step }, "a -yes-> b"),
  credential_invalid: node({ ...step, credentials: ["stripe", "stripe"] }),
  credential_missing: node({ kind: "action", action: "pay", credentials: ["paypal"] }),
  cycle: graph({ s: trigger, a: step, b: step, c: step }, "s -> a", "a -> b", "b -> c", "c -> a"),
  duration_invalid: node({ ...step, timeout: "5 minutes" }),
  edge_duplicate: graph({ a: step, b: step }, "a -error-> b", "a -error-> b"),
  edge_into_trigger: graph({ s: trigger, a: step }, "s -> a", "a -> s"),
  edge_never_taken: graph({ a: { kind: "wait", for: { signal: "go" } }, b: step }, "a -timeout-> b"),
  edge_self: graph({ s: trigger, a: step }, "s -> a", "a -> a"),
  event_unknown: node({ kind: "wait", for: { event: "flowforge.run.fialed" } }),
  expression_invalid: node(reads("input.a +")),
  field_invalid: node({ ...step, join: "some" }),
  field_missing: { document: { format: 1, nodes: { a: step }, edges: [] } },
  field_unknown: node({ ...step, inputs: {} }),
  format_unknown: { document: workflow({ nodes: { a: step }, format: 2 }) },
  input_field_undeclared: node(reads("input.idd"), { input: schema }),
  input_field_unknown: node(reads("input.idd"), { input: { ...schema, additionalProperties: false } }),
  key_forbidden: node({ ...step, input: JSON.parse('{ "__proto__": 1 }') as object }),
  kind_unknown: node({ kind: "acton", action: "any" }),
  limit_depth: { document: workflow({ ...small, output: [[[[]]]] }), limits: { maxDepth: 4 } },
  limit_edges: { document: workflow(small), limits: { maxEdges: 0 } },
  limit_expression: { ...node(reads("input.abc")), limits: { maxExpressionLength: 8 } },
  limit_nodes: { document: workflow(small), limits: { maxNodes: 1 } },
  limit_size: { document: workflow(small), limits: { maxBytes: 100 } },
  map_invalid: node({ ...step, forEach: "input.lines", idempotencyKey: "k" }),
  maybe_null: graph({ a: step, b: step, c: reads("nodes.a.output.id") }, "a -> b", "a -error-> b", "b -> c"),
  name_invalid: { document: workflow({ ...small, name: "my workflow" }) },
  node_id_invalid: {
    document: workflow({ nodes: JSON.parse('{ "__proto__": { "kind": "trigger" } }') as object }),
  },
  node_unknown: graph({ charge: step, ship: step }, "charge -> ship", "chrage -> ship"),
  node_unreachable: graph({ s: trigger, a: step, b: step }, "s -> a"),
  not_json: node({ ...step, input: { at: new Date(0) } }),
  not_supported_yet: node({ ...step, labels: {} }),
  outcome_duplicate: graph(
    {
      a: {
        kind: "condition",
        cases: [
          { outcome: "big", if: "true" },
          { outcome: "big", if: "false" },
        ],
      },
      b: step,
    },
    "a -> b",
  ),
  outcome_reserved: graph({ a: condition({ error: "true" }), b: step }, "a -> b"),
  outcome_unknown: graph({ a: step, b: step }, "a -sucess-> b"),
  reference_not_ancestor: graph({ a: reads("nodes.b.output"), b: step }),
  reference_out_of_scope: node(reads("event.name")),
  reference_unknown: graph({ charge: step, b: reads("nodes.chrage.output") }, "charge -> b"),
  retry_invalid: node({ ...step, retry: { immediate: 11 } }),
  schema_invalid: { document: workflow({ ...small, input: { type: "objekt" } }) },
  template_invalid: node({ ...step, input: { text: "hello {{ input.name" } }),
  trigger_missing: graph({ a: step, b: step }, "a -> b", "b -> a"),
  until_invalid: node({ kind: "wait", for: { until: "2027-01-31T09:00:00" } }),
};
