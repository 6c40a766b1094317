/** How executions fail. But where a process could not be started, another attempt would come to the same. */
import { type ErrorCode, FlowForgeError, type FlowForgeErrorDetails } from "../../core/errors.ts";
import { PermanentError, RetryableError } from "../../core/run/failures.ts";
import type { CodeLimits, FailureReason } from "./messages.ts";

const SUBJECT = "the code";

export function failure(reason: FailureReason, text: string, limits: CodeLimits): PermanentError {
  switch (reason) {
    case "timeout":
      return timedOut(limits);
    case "memory":
      return ended("code_out_of_memory", {
        subject: SUBJECT,
        expected: `at most ${limits.memoryBytes} bytes`,
        next: "Work on less at once, or raise `sandbox.memoryBytes` of the engine.",
      });
    case "output":
      return ended("code_output_invalid", {
        subject: SUBJECT,
        received: text,
        next: "Return a smaller JSON value, or raise `sandbox.outputBytes` of the engine.",
      });
    case "stuck":
      return ended("code_failed", {
        subject: SUBJECT,
        received: `code that ${text}`,
        next: "Await only what `fetch` and functions of the code itself give.",
      });
    case "threw":
      return ended("code_failed", { subject: SUBJECT, received: text, next: "Correct the code." });
  }
}

export function timedOut({ cpuMs, timeoutMs }: CodeLimits): PermanentError {
  return ended("code_timeout", {
    subject: SUBJECT,
    expected: `at most ${cpuMs} ms of computing, and ${timeoutMs} ms in all`,
    next: "Do less at once, or raise `sandbox.cpu` or `sandbox.timeout` of the engine.",
  });
}

export function crashed(how: string): PermanentError {
  return ended("code_crashed", {
    subject: SUBJECT,
    received: how,
    next: "Look for deep recursion and for very large values in the code.",
  });
}

export function inputTooLarge(bytes: number, { inputBytes }: CodeLimits): PermanentError {
  return ended("code_input_too_large", {
    subject: SUBJECT,
    expected: `an input of at most ${inputBytes} bytes`,
    received: `${bytes} bytes`,
    next: "Pass less to the code, or raise `sandbox.inputBytes` of the engine.",
  });
}

function ended(
  code: Extract<ErrorCode, `code_${string}` | "sandbox_missing">,
  details: FlowForgeErrorDetails,
): PermanentError {
  const cause = new FlowForgeError(code, details);
  return new PermanentError(cause.message, { cause });
}

/** Nothing has run: it is tried again. */
export function cannotStart(what: string, cause?: unknown): RetryableError {
  const error = new FlowForgeError("sandbox_failed", {
    subject: "the sandbox",
    received: what,
    next: "Look at the message of the process; Node.js must be allowed to start processes.",
    ...(cause === undefined ? {} : { cause }),
  });
  return new RetryableError(error.message, { cause: error });
}

export function notInstalled(packages: readonly string[], reason: unknown): PermanentError {
  return ended("sandbox_missing", {
    subject: "the sandbox",
    next: `Install it: npm install ${packages.join(" ")}`,
    cause: reason,
  });
}
