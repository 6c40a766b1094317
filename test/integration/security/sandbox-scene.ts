/** A sandbox, and what code in it is tested with. */
import { FlowForgeError } from "../../../src/core/errors.ts";
import type { CodeRequest } from "../../../src/core/definition/action.ts";
import type { Json } from "../../../src/core/json.ts";
import { parseSandbox, type SandboxOptions } from "../../../src/security/sandbox/limits.ts";
import { Sandbox } from "../../../src/security/sandbox/sandbox.ts";

export interface Lines {
  readonly level: string;
  readonly text: string;
}

export class SandboxScene {
  readonly lines: Lines[] = [];
  readonly sandbox: Sandbox;

  constructor(options: SandboxOptions = {}) {
    this.sandbox = new Sandbox(parseSandbox(options));
  }

  run(code: string, request: Partial<CodeRequest> = {}, workspace = "default"): Promise<Json> {
    const at = (level: string) => (fields: object) =>
      void this.lines.push({ level, text: (fields as { readonly console: string }).console });
    const logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    return this.sandbox.run({ code, ...request }, { workspace, logger });
  }

  /** The code of the failure, with what came instead of a result; throws where there is a result. */
  async failure(code: string, request: Partial<CodeRequest> = {}): Promise<string> {
    const error: unknown = await this.run(code, request).then(
      (value) => new Error(`It returned ${JSON.stringify(value)?.slice(0, 200)}`),
      (reason: unknown) => reason,
    );
    const cause = error instanceof Error ? error.cause : undefined;
    if (!FlowForgeError.is(cause)) throw error;
    return [cause.code, cause.received].filter(Boolean).join(": ");
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}
