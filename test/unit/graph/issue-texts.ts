/** What the documents of `issue-cases.ts` are told: the place, what is wrong, and what to do. */
import type { Issue, IssueCode } from "../../../src/core/graph/issues.ts";

export type Told = Omit<Issue, "code" | "severity">;

export const TOLD: { readonly [code in IssueCode]: Told } = {
  action_input_invalid: {
    path: ["nodes", "a", "input", "cents"],
    message: 'The input of "charge" does not fit: cents (Invalid input: expected number, received string).',
    next: "Correct the input, or the schema of the action.",
  },
  action_unknown: {
    path: ["nodes", "a", "action"],
    message: 'There is no action "chrage".',
    next: 'Register it, or name another one. Did you mean "charge"?',
  },
  child_invalid: {
    path: ["nodes", "a", "retry"],
    message: "`retry` is not possible for a node that runs another workflow.",
    next: "Remove it.",
  },
  condition_without_else: {
    path: ["nodes", "a"],
    message: 'Where no case of "a" is true, everything behind it is skipped in silence.',
    next: 'Add an edge with `on: "else"`, unless that is what you want.',
  },
  credential_invalid: {
    path: ["nodes", "a", "credentials", 1],
    message: '"stripe" is there already.',
    next: "Remove one of the two.",
  },
  credential_missing: {
    path: ["nodes", "a", "action"],
    message: '"pay" asks for the credential "stripe", which the node does not grant.',
    next: 'Add "stripe" to the node\'s `credentials`.',
  },
  cycle: {
    path: ["edges", 3],
    message: "The nodes lead in a circle: a -> b -> c -> a.",
    next: "Remove one edge of the circle. To repeat steps, run another workflow as a child.",
    cycle: ["a", "b", "c"],
  },
  duration_invalid: {
    path: ["nodes", "a", "timeout"],
    message: '"5 minutes" is not a duration.',
    next: "Write it as 500ms, 30s, 5m, 2h, 3d or a whole number of milliseconds, from 0 to 3650d.",
  },
  edge_duplicate: {
    path: ["edges", 1],
    message: 'The edge from "a" to "b" on "error" is there already, as edge 0.',
    next: "Remove one of the two.",
  },
  edge_into_trigger: {
    path: ["edges", 1, "to"],
    message: '"s" is a trigger, and a run begins there.',
    next: "Lead the edge to the node behind the trigger, or remove it.",
  },
  edge_never_taken: {
    path: ["edges", 0, "on"],
    message: '"a" has no timeout, so this edge is never taken.',
    next: "Give the wait a `timeout`, or remove the edge.",
  },
  edge_self: {
    path: ["edges", 1],
    message: 'The node "a" leads to itself.',
    next: "Remove the edge. To repeat a step, use its retry policy, or run another workflow from it.",
  },
  event_unknown: {
    path: ["nodes", "a", "for", "event"],
    message: 'The engine publishes no event "flowforge.run.fialed", and nobody else may.',
    next: 'Use one of flowforge.run.succeeded, flowforge.run.failed, flowforge.run.cancelled, flowforge.dead_letter, flowforge.run.stuck, flowforge.breaker.opened, flowforge.breaker.closed, flowforge.schedule.missed, flowforge.alert, or a name that does not begin with "flowforge.". Did you mean "flowforge.run.failed"?',
  },
  expression_invalid: {
    path: ["nodes", "a", "input", "read", 0],
    message: "At column 14: Unexpected token: EOF.",
    next: "Correct the expression; docs/reference/expressions.md says what it may hold.",
    column: 14,
  },
  field_invalid: {
    path: ["nodes", "a", "join"],
    message: 'The value "some" does not fit here.',
    next: 'Use "settled", "all", "first" or { first: true, cancelOthers: true }.',
  },
  field_missing: {
    path: ["name"],
    message: "The field `name` is missing.",
    next: "Expected string, received undefined.",
  },
  field_unknown: {
    path: ["nodes", "a", "inputs"],
    message: "There is no field `inputs` in an action.",
    next: 'Use kind, description, join, action, input, credentials, timeout, deadline, retry, lane, idempotencyKey, forEach, concurrency, onItemError, compensate. Did you mean "input"?',
  },
  format_unknown: {
    path: ["format"],
    message: "The format is 2; this version knows 1.",
    next: 'Write `"format": 1`, or use a version of FlowForge that knows this format.',
  },
  input_field_undeclared: {
    path: ["nodes", "a", "input", "read", 0],
    message: 'The schema of the input has no field "idd" there.',
    next: 'Use one of id, or add it to the schema. Did you mean "id"?',
    column: 4,
  },
  input_field_unknown: {
    path: ["nodes", "a", "input", "read", 0],
    message: 'The schema of the input has no field "idd" there.',
    next: 'Use one of id, or add it to the schema. Did you mean "id"?',
    column: 4,
  },
  key_forbidden: {
    path: ["nodes", "a", "input", "__proto__"],
    message: "The key `__proto__` is not allowed.",
    next: "Give it another name.",
  },
  kind_unknown: {
    path: ["nodes", "a", "kind"],
    message: '"acton" does not exist here.',
    next: 'Use trigger, action, condition, wait. Did you mean "action"?',
  },
  limit_depth: {
    path: ["output", 0, 0, 0],
    message: "More than 4 objects and lists are within each other here.",
    next: "Make the value flatter, or let an action build it.",
  },
  limit_edges: {
    path: ["edges"],
    message: "The workflow has 1 edges; at most 0 are allowed.",
    next: "Move parts into workflows of their own and run them as children, or raise `maxEdges`.",
  },
  limit_expression: {
    path: ["nodes", "a", "input", "read", 0],
    message: "The expression is longer than 8 characters.",
    next: "Split it, or let an action compute the value.",
    column: 3,
  },
  limit_nodes: {
    path: ["nodes"],
    message: "The workflow has 2 nodes; at most 1 are allowed.",
    next: "Move parts into workflows of their own and run them as children, or raise `maxNodes`.",
  },
  limit_size: {
    path: [],
    message: "The document is larger than 100 bytes.",
    next: "Keep data out of the definition: pass it as the run's input, or let an action load it.",
  },
  map_invalid: {
    path: ["nodes", "a", "idempotencyKey"],
    message: "`idempotencyKey` is not possible for a node with `forEach`.",
    next: "Remove it, or put it on another node.",
  },
  maybe_null: {
    path: ["nodes", "c", "input", "read", 0],
    message: 'The output of "a" is null here where that node did not succeed.',
    next: "Make sure that this may be null, or say what else to use: nodes.a.output == null ? ... : ...",
    column: 4,
  },
  name_invalid: {
    path: ["name"],
    message: '"my workflow" cannot be the name of a workflow.',
    next: "Use letters, digits, ., -, _ and /, beginning with a letter or digit, at most 128 characters.",
  },
  node_id_invalid: {
    path: ["nodes", "__proto__"],
    message: '"__proto__" cannot be the id of a node.',
    next: "Use letters, digits and _, not beginning with a digit, at most 64 characters; `__proto__`, `constructor` and `prototype` are reserved.",
  },
  node_unknown: {
    path: ["edges", 1, "from"],
    message: 'There is no node "chrage".',
    next: 'Name a node of this workflow, or remove the edge. Did you mean "charge"?',
  },
  node_unreachable: {
    path: ["nodes", "b"],
    message: 'No trigger leads to "b", so it would never run.',
    next: "Add an edge that leads to it, or remove the node.",
  },
  not_json: {
    path: ["nodes", "a", "input", "at"],
    message: "The value is not a plain object, and JSON has no such value.",
    next: "Write it as null, true, false, a number, a text, a list or a plain object.",
  },
  not_supported_yet: {
    path: ["nodes", "a", "labels"],
    message: "The field `labels` of an action is not supported yet.",
    next: "Leave it out for now; it is part of the format and will come with a later version.",
  },
  outcome_duplicate: {
    path: ["nodes", "a", "cases", 1, "outcome"],
    message: 'Another case of "a" has the outcome "big" already, and edges cannot tell the two apart.',
    next: "Rename one of them, or make one case of both with ||.",
  },
  outcome_reserved: {
    path: ["nodes", "a", "cases", 0, "outcome"],
    message: '"error" has a meaning of its own and cannot name a case.',
    next: "Give the case another name.",
  },
  outcome_unknown: {
    path: ["edges", 0, "on"],
    message: '"a" is of kind action and has no outcome "sucess".',
    next: 'Use one of success, error. Did you mean "success"?',
  },
  reference_not_ancestor: {
    path: ["nodes", "a", "input", "read", 0],
    message: '"b" does not come before "a".',
    next: 'Add an edge so that "b" comes first, or read another node.',
    column: 4,
  },
  reference_out_of_scope: {
    path: ["nodes", "a", "input", "read", 0],
    message: "There is no `event` in a node.",
    next: "Read input, trigger, nodes, run here.",
    column: 4,
  },
  reference_unknown: {
    path: ["nodes", "b", "input", "read", 0],
    message: 'There is no node "chrage".',
    next: 'Name a node of this workflow. Did you mean "charge"?',
    column: 4,
  },
  retry_invalid: {
    path: ["nodes", "a", "retry", "immediate"],
    message: "11 attempts at once are not possible.",
    next: "Use a whole number from 0 to 10.",
  },
  schema_invalid: {
    path: ["input", "type"],
    message: "Here must be one or more of null, boolean, object, array, number, integer, string.",
    next: "Correct it; the dialect is JSON Schema 2020-12.",
  },
  template_invalid: {
    path: ["nodes", "a", "input", "text"],
    message: "The {{ at column 7 has no }} that ends it.",
    next: "Close it with }}, or write \\{{ for two braces as text.",
    column: 7,
  },
  trigger_missing: {
    path: ["nodes"],
    message: "There is no trigger, and no node without inbound edges that a run could begin with.",
    next: 'Add a node `{ "kind": "trigger" }` and an edge from it to the first step.',
  },
  until_invalid: {
    path: ["nodes", "a", "for", "until"],
    message: '"2027-01-31T09:00:00" is not a time.',
    next: 'Write "2027-01-31T09:00:00Z" (a zone is needed), "2027-01-31", milliseconds since 1970, or {{ expression }}.',
  },
};
