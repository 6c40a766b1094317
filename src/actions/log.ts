import { z } from "zod";
import type { Action } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";

const input = z.object({
  message: z.string(),
  level: z.enum(["debug", "info", "warn", "error"]).default("info"),
  /** Further fields of the log line. */
  data: z.json().optional(),
});

type LogInput = z.output<typeof input>;

/** Writes a line to the engine's logger, with the run and the node. Its output is the message. */
export const log: Action<LogInput, Json> = {
  kind: "flowforge.action",
  name: "log",
  description: "Writes a line to the engine's logger.",
  input,
  effect: "readonly",
  run: ({ input: { message, level, data }, logger, run, node }) => {
    logger[level](
      { runId: run.id, workflow: run.workflow, node: node.id, ...(data === undefined ? {} : { data }) },
      message,
    );
    return { message };
  },
};
