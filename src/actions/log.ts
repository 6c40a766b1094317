import { z } from "zod";
import { type Action, defineAction } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";

/** What a workflow passes to `log`. */
export interface LogLine {
  readonly message: string;
  /** Default `info`. */
  readonly level?: "debug" | "info" | "warn" | "error" | undefined;
  /** Further fields of the log line. */
  readonly data?: Json | undefined;
}

const line: z.ZodType<LogLine, LogLine> = z.strictObject({
  message: z.string(),
  level: z.enum(["debug", "info", "warn", "error"]).optional(),
  data: z.json().optional(),
});

const written: z.ZodType<{ readonly message: string }, { readonly message: string }> = z.object({
  message: z.string(),
});

/** Writes a line to the engine's logger, with the run and the node. Its output is the message. */
export const log: Action<LogLine, { readonly message: string }> = defineAction({
  name: "log",
  target: null,
  description: "Writes a line to the engine's logger.",
  input: line,
  output: written,
  effect: "readonly",
  run: ({ input: { message, level = "info", data }, logger }) => {
    logger[level](data === undefined ? {} : { data }, message);
    return { message };
  },
});
