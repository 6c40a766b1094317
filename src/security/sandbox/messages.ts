/**
 * What the host and the process of a sandbox say to each other: one JSON text a line. The host trusts nothing of what comes from there:
 * every line is bounded and parsed by the schemas below.
 */
import { z } from "zod";

/** Of one execution. Sizes are of UTF-8. */
export interface CodeLimits {
  /** How long the code may compute, without the time in which it waits for an answer. */
  readonly cpuMs: number;
  /** From the beginning to the end, with the time in which it waits. */
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Of everything that is written to the console. */
  readonly logBytes: number;
  /** Calls of `fetch`. */
  readonly requests: number;
  /** Of the bodies of all answers, and of the body of each request. */
  readonly requestBytes: number;
}

export type ToSandbox =
  | {
      readonly type: "run";
      readonly code: string;
      /** JSON. */
      readonly input: string;
      readonly limits: CodeLimits;
    }
  /** `text` is JSON of an `Answer`, or the message of an error. */
  | { readonly type: "answer"; readonly call: number; readonly ok: boolean; readonly text: string };

/** Why an execution ended without a result. */
export type FailureReason = "threw" | "timeout" | "memory" | "output" | "stuck";

export type FromSandbox =
  /** Ready for the first execution. */
  | { readonly type: "ready" }
  | { readonly type: "log"; readonly level: LogLevel; readonly text: string }
  /** `text` is JSON of a request. */
  | { readonly type: "fetch"; readonly call: number; readonly text: string }
  /** The code waits, and has seen so many answers. */
  | { readonly type: "waiting"; readonly answers: number }
  /** `text` is JSON of the result. */
  | { readonly type: "done"; readonly text: string }
  | { readonly type: "failed"; readonly reason: FailureReason; readonly text: string };

export type LogLevel = "debug" | "info" | "warn" | "error";

const text = z.string();
const count = z.int().min(0);

const fromSandbox: z.ZodType<FromSandbox> = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({ type: z.literal("log"), level: z.enum(["debug", "info", "warn", "error"]), text }),
  z.strictObject({ type: z.literal("fetch"), call: count, text }),
  z.strictObject({ type: z.literal("waiting"), answers: count }),
  z.strictObject({ type: z.literal("done"), text }),
  z.strictObject({
    type: z.literal("failed"),
    reason: z.enum(["threw", "timeout", "memory", "output", "stuck"]),
    text,
  }),
]);

/** `null`: this is no message. */
export function parseFromSandbox(line: string): FromSandbox | null {
  try {
    return fromSandbox.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
