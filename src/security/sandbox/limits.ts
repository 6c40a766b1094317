/** What a host allows for the code of others: as it is written, and parsed once. */
import { z } from "zod";
import type { Duration } from "../../core/definition/document.ts";
import { parseDuration } from "../../core/definition/duration.ts";
import { FlowForgeError } from "../../core/errors.ts";
import type { CodeLimits } from "./messages.ts";

export interface SandboxOptions {
  /** Processes at once in this engine; more executions wait for one. 1 to 64. Default 4. */
  readonly processes?: number | undefined;
  /** How long code may compute, without the time in which it waits for answers. 10ms to 10s. Default 1s. */
  readonly cpu?: Duration | undefined;
  /** For a whole execution, with the time in which it waits for answers. 10ms to 5m. Default 30s. */
  readonly timeout?: Duration | undefined;
  /** Of the code and all its values. 16 MiB to 512 MiB. Default 64 MiB. */
  readonly memoryBytes?: number | undefined;
  /** JSON size of what the code gets, and of the code itself, together. 1 KiB to 16 MiB. Default 1 MiB. */
  readonly inputBytes?: number | undefined;
  /** JSON size of what it returns. 1 KiB to 16 MiB. Default 256 KiB. */
  readonly outputBytes?: number | undefined;
  /** Of what it writes to the console; the rest is left out. 0 to 1 MiB. Default 64 KiB. */
  readonly logBytes?: number | undefined;
  /** Calls of `fetch`. 0 to 1,000. Default 10. */
  readonly requests?: number | undefined;
  /** Of the bodies of all answers together, and of each request. 1 KiB to 16 MiB. Default 1 MiB. */
  readonly requestBytes?: number | undefined;
}

export interface SandboxRules extends CodeLimits {
  readonly processes: number;
}

const KIB = 1_024;
const MIB = 1_024 * KIB;
const duration = z.union([z.string(), z.number()], "a duration").optional();
const between = (least: number, most: number): z.ZodType =>
  z.int("a whole number").min(least, `at least ${least}`).max(most, `at most ${most}`).optional();

export const sandboxSchema: z.ZodObject = z.strictObject({
  processes: between(1, 64),
  cpu: duration,
  timeout: duration,
  memoryBytes: between(16 * MIB, 512 * MIB),
  inputBytes: between(KIB, 16 * MIB),
  outputBytes: between(KIB, 16 * MIB),
  logBytes: between(0, MIB),
  requests: between(0, 1_000),
  requestBytes: between(KIB, 16 * MIB),
});

/** The options, checked against `sandboxSchema` before. Throws `duration_invalid` and `option_invalid`. */
export function parseSandbox(options: SandboxOptions = {}): SandboxRules {
  return {
    processes: options.processes ?? 4,
    cpuMs: within("cpu", options.cpu ?? "1s", 10_000),
    timeoutMs: within("timeout", options.timeout ?? "30s", 300_000),
    memoryBytes: options.memoryBytes ?? 64 * MIB,
    inputBytes: options.inputBytes ?? MIB,
    outputBytes: options.outputBytes ?? 256 * KIB,
    logBytes: options.logBytes ?? 64 * KIB,
    requests: options.requests ?? 10,
    requestBytes: options.requestBytes ?? MIB,
  };
}

function within(name: "cpu" | "timeout", value: Duration, most: number): number {
  const ms = parseDuration(value, `option "sandbox.${name}"`);
  if (ms >= 10 && ms <= most) return ms;
  throw new FlowForgeError("option_invalid", {
    subject: `option "sandbox.${name}"`,
    expected: `10 to ${most} ms`,
    received: `${ms} ms`,
    next: "Choose another duration.",
  });
}
