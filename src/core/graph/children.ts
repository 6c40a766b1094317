/** Nodes that run another workflow: what they must say, and what they cannot have. */
import type { ActionDocument } from "../definition/document.ts";
import type { Json } from "../json.ts";
import { makeIssue, type Issue, type IssuePath } from "./issues.ts";
import { isObject } from "./json-schema.ts";
import { RUN_WORKFLOW } from "./plan.ts";

/** There is one child, which has retries and bounds of its own; its id follows from the node. */
const NOT_OF_CHILDREN = ["retry", "timeout", "deadline", "idempotencyKey"] as const;
const FIELDS = ["workflow", "version", "trigger", "input", "labels", "deadline"];

export function childIssues(id: string, node: ActionDocument): readonly Issue[] {
  const undoes = node.compensate?.action === RUN_WORKFLOW ? [compensates(id)] : [];
  if (node.action !== RUN_WORKFLOW) return undoes;
  const wrong = NOT_OF_CHILDREN.filter((field) => node[field] !== undefined);
  return [
    ...undoes,
    ...wrong.map((field) => notPossible(id, field)),
    ...inputIssues(["nodes", id, "input"], node.input),
  ];
}

function inputIssues(path: IssuePath, input: Json | undefined): readonly Issue[] {
  if (!isObject(input) || input["workflow"] === undefined) {
    return [
      makeIssue("child_invalid", path, {
        message: `The input of \`${RUN_WORKFLOW}\` does not name a workflow.`,
        next: 'Write `"input": { "workflow": "its name", "input": ... }`.',
      }),
    ];
  }
  return Object.keys(input)
    .filter((field) => !FIELDS.includes(field))
    .map((field) =>
      makeIssue("child_invalid", [...path, field], {
        message: `\`${field.slice(0, 80)}\` is not a field of the input of \`${RUN_WORKFLOW}\`.`,
        next: `Use ${FIELDS.join(", ")}. What the child is started with belongs into its \`input\`.`,
      }),
    );
}

function notPossible(id: string, field: string): Issue {
  return makeIssue("child_invalid", ["nodes", id, field], {
    message: `\`${field}\` is not possible for a node that runs another workflow.`,
    next: field === "deadline" ? "Write it into the node's `input`: it is the child's." : "Remove it.",
  });
}

function compensates(id: string): Issue {
  return makeIssue("child_invalid", ["nodes", id, "compensate", "action"], {
    message: `\`${RUN_WORKFLOW}\` cannot undo a node.`,
    next: "Name an action that does it.",
  });
}
