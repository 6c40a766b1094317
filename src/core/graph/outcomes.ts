/** Which outcomes a node can have, and which edges an outcome takes. */
import type { NodeDocument, WaitDocument } from "../definition/document.ts";

/** Outcomes that an edge without `on` is not taken for. */
const UNUSUAL: ReadonlySet<string> = new Set(["error", "timeout"]);

/** Every outcome that an edge from this node may name. */
export function outcomesOf(node: NodeDocument): readonly string[] {
  switch (node.kind) {
    case "trigger":
      return ["fired"];
    case "action":
      return ["success", "error"];
    case "condition":
      return [...node.cases.map((one) => one.outcome), "else", "error"];
    case "wait":
      return waitsForMessage(node) ? ["received", "timeout", "error"] : ["elapsed", "error"];
  }
}

export function isTaken(on: string | null, outcome: string): boolean {
  return on === null ? !UNUSUAL.has(outcome) : on === outcome;
}

/**
 * The outcomes after which a run can go on to its end, given the edges that leave the node: an error that no edge
 * handles is a dead letter, and nothing behind it starts.
 */
export function outcomesThatGoOn(
  node: NodeDocument,
  edges: readonly { readonly on: string | null }[],
): readonly string[] {
  const handled = (outcome: string): boolean => edges.some((edge) => edge.on === outcome);
  return outcomesOf(node).filter((outcome) => {
    if (node.kind !== "condition" && outcome === "timeout") {
      const wait = node as WaitDocument;
      return hasTimeout(wait) && (handled("timeout") || wait.onTimeout === "skip");
    }
    return outcome !== "error" || handled("error");
  });
}

export function waitsForMessage(node: WaitDocument): boolean {
  return "signal" in node.for || "event" in node.for;
}

export function hasTimeout(node: WaitDocument): boolean {
  return "timeout" in node.for && node.for.timeout !== undefined;
}
