import type { WorkflowDocument } from "../../../src/index.ts";

/** Waits for three seconds, then ends. */
export const SLEEPER: WorkflowDocument = {
  format: 1,
  name: "sleeper",
  nodes: { nap: { kind: "wait", for: { duration: "3s" } } },
  edges: [],
  output: "awake",
};
