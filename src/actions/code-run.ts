/** `code.run`: code that was written in a workflow. */
import { z } from "zod";
import { type Action, type ActionContext, defineAction } from "../core/definition/action.ts";
import type { OutboundFetch } from "../core/definition/outbound.ts";
import type { Json } from "../core/json.ts";
import { HOST_PATTERN } from "../security/outbound/rules.ts";

export interface CodeRun {
  /** The body of an async function of `input`, in strict mode: `return input.a + 1`. At most 256 KiB. */
  readonly code: string;
  /** What the code gets as `input`: JSON. Default `null`. */
  readonly input?: Json | undefined;
  /** Whom it may call with `fetch`: nobody (`false`, the default), whomever the engine allows (`true`), or these hosts and no others. */
  readonly fetch?: boolean | readonly string[] | undefined;
  /** How long it may compute. At most the engine's `sandbox.cpu`, which is the default. */
  readonly cpuMs?: number | undefined;
  /** From its beginning to its end. At most the engine's `sandbox.timeout`, which is the default. */
  readonly timeoutMs?: number | undefined;
  /** At least 16 MiB and at most the engine's `sandbox.memoryBytes`, which is the default. */
  readonly memoryBytes?: number | undefined;
}

const MOST_CODE = 256 * 1_024;
const FIVE_MINUTES_MS = 300_000;

const input: z.ZodType<CodeRun, CodeRun> = z.strictObject({
  code: z.string().min(1).max(MOST_CODE),
  input: z.json().optional(),
  fetch: z.union([z.boolean(), z.array(z.string().regex(HOST_PATTERN)).min(1).max(100)]).optional(),
  cpuMs: z.int().min(10).max(10_000).optional(),
  timeoutMs: z.int().min(10).max(FIVE_MINUTES_MS).optional(),
  memoryBytes: z
    .int()
    .min(16 * 2 ** 20)
    .max(512 * 2 ** 20)
    .optional(),
});

/**
 * Runs code in the engine's sandbox and gives what it returns. Data belongs into `input`, never into the text of `code`: a template there
 * would make code of whatever it is filled with.
 *
 * What goes wrong in the code fails for good. Its effect class is `readonly`; none where `fetch` lets it call others.
 */
export const codeRun: Action<CodeRun, unknown, CodeRun, Json> = defineAction({
  name: "code.run",
  target: null,
  description: "Runs JavaScript that a workflow brings along, without files, environment and network.",
  input,
  timeout: "6m",
  effectOf: ({ fetch = false }) => (fetch === false ? "readonly" : undefined),
  run: (context) => {
    const { code, input: given, cpuMs, timeoutMs, memoryBytes } = context.input;
    const { signal } = context;
    const fetch = fetchOf(context);
    return context.runCode({ code, input: given ?? null, fetch, signal, cpuMs, timeoutMs, memoryBytes });
  },
});

function fetchOf({ input: { fetch: allowed = false }, fetch }: ActionContext<CodeRun>): OutboundFetch | null {
  if (typeof allowed === "boolean") return allowed ? fetch : null;
  return (url, init) => fetch(url, { ...init, allowHosts: allowed.map((host) => host.toLowerCase()) });
}
