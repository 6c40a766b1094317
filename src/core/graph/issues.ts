/**
 * The catalogue of what can be wrong with a definition. `docs/reference/validation.md` lists the same codes with cause and cure,
 * and a test holds the two together.
 *
 * A code is a promise: it is never renamed and never changes its meaning.
 */
import { SHAPE_CODES } from "../definition/problems.ts";

const GRAPH_CODES = {
  action_input_invalid: "A constant part of an action's input does not fit the action's schema.",
  action_unknown: "A node names an action that is not registered.",
  child_invalid: "A node that runs another workflow does not name one, or has an option that it cannot have.",
  condition_without_else: "A condition has no `else` edge, so the run ends in silence where no case is true.",
  credential_invalid: "A credential is not named as credentials are.",
  credential_missing: "An action asks for a credential that its node does not grant.",
  cycle: "Edges lead in a circle.",
  edge_duplicate: "The same edge is there twice.",
  edge_into_trigger: "An edge leads into a trigger.",
  edge_never_taken: "An edge is for an outcome that its node, as it is written, never has.",
  edge_self: "An edge leads from a node to itself.",
  event_unknown: "A trigger or a wait listens for an event of the engine that there is not.",
  expression_invalid: "An expression does not compile.",
  input_field_undeclared: "An expression reads a field of the run's input that its schema does not mention.",
  input_field_unknown: "An expression reads a field of the run's input that its schema rules out.",
  limit_expression: "An expression is too long.",
  map_invalid: "A node has an option that does not go with `forEach`, or one that needs it.",
  maybe_null: "An expression reads an output that is null where the node did not succeed.",
  node_unknown: "An edge names a node that does not exist.",
  node_unreachable: "No trigger leads to the node.",
  outcome_duplicate: "Two cases of a condition have the same outcome.",
  outcome_reserved: "A case of a condition has the name of a built-in outcome.",
  outcome_unknown: "An edge names an outcome that its node does not have.",
  reference_not_ancestor: "An expression reads a node that does not come before it.",
  reference_out_of_scope: "An expression reads something that does not exist in its place.",
  reference_unknown: "An expression reads a node that does not exist.",
  template_invalid: "A template cannot be read.",
  trigger_missing: "The workflow has no trigger.",
  until_invalid: "A fixed time to wait until cannot be read.",
} as const;

/** The shape of the document, then what it means. */
export const ISSUE_CODES: { readonly [code in keyof typeof SHAPE_CODES | keyof typeof GRAPH_CODES]: string } =
  {
    ...SHAPE_CODES,
    ...GRAPH_CODES,
  };

export type IssueCode = keyof typeof ISSUE_CODES;

/** What is only worth a look; everything else makes a document invalid. */
export const HINT_CODES: ReadonlySet<IssueCode> = new Set<IssueCode>([
  "condition_without_else",
  "edge_never_taken",
  "event_unknown",
  "input_field_undeclared",
  "maybe_null",
]);

export type IssuePath = readonly (string | number)[];

export interface Issue {
  readonly code: IssueCode;
  /** A document with a problem of severity `error` cannot run; with hints it can. */
  readonly severity: "error" | "hint";
  /** Where in the document: `["nodes", "charge", "input", "cents"]`. Empty: the document as a whole. */
  readonly path: IssuePath;
  readonly message: string;
  /** What to do, as a sentence. */
  readonly next: string;
  /** 1-based, in the text at `path`. Only for problems inside an expression. */
  readonly column?: number;
  /** The nodes of a cycle in the order of its edges, the first one once. Only for `cycle`. */
  readonly cycle?: readonly string[];
}

type IssueText = Pick<Issue, "message" | "next"> & Pick<Partial<Issue>, "column" | "cycle">;

export function makeIssue(code: IssueCode, path: IssuePath, text: IssueText): Issue {
  return { code, severity: HINT_CODES.has(code) ? "hint" : "error", path, ...text };
}
