/** OpenTelemetry's API, which is an optional dependency: it is loaded where the host asks for it, and does nothing without an SDK of the host's. */
import type * as api from "@opentelemetry/api";
import { FlowForgeError } from "../core/errors.ts";

export type OpenTelemetry = typeof api;

/** Throws `package_missing`. */
export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  try {
    return await import("@opentelemetry/api");
  } catch (cause) {
    throw new FlowForgeError("package_missing", {
      subject: 'option "telemetry"',
      expected: "the package @opentelemetry/api",
      next: "Install it: npm install @opentelemetry/api",
      cause,
    });
  }
}
