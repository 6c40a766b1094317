/** What an attempt may know beside its input: the credentials that its node names. */
import type { GrantedCredential } from "../core/definition/action.ts";
import { type ErrorCode, FlowForgeError, type FlowForgeErrorDetails } from "../core/errors.ts";
import { PermanentError } from "../core/run/failures.ts";
import { Secrets } from "../security/redaction.ts";

/** For whom a credential is asked. */
export interface CredentialRequest {
  readonly workspace: string;
  readonly name: string;
  readonly runId: string;
  readonly workflow: string;
  readonly node: string;
}

/** `null`: there is none. */
export type CredentialSource = (request: CredentialRequest) => Promise<GrantedCredential | null>;

/** Credentials of one attempt, and the secrets that it has got to know by them. */
export class Grants {
  readonly secrets: Secrets = new Secrets();
  readonly #source: CredentialSource;
  readonly #granted: readonly string[];
  readonly #request: Omit<CredentialRequest, "name">;

  constructor(
    source: CredentialSource,
    granted: readonly string[],
    request: Omit<CredentialRequest, "name">,
  ) {
    this.#source = source;
    this.#granted = granted;
    this.#request = request;
  }

  async credential(name: string): Promise<GrantedCredential> {
    const { workspace, node } = this.#request;
    if (!this.#granted.includes(name)) {
      throw wrong("credential_not_granted", {
        subject: `credential ${JSON.stringify(String(name).slice(0, 80))} for node "${node}"`,
        expected: this.#granted.length > 0 ? `one of ${this.#granted.join(", ")}` : "none",
        next: "Name it in the node's `credentials`, and in those of the action where it declares them.",
      });
    }
    const found = await this.#source({ ...this.#request, name });
    if (!found) {
      throw wrong("credential_not_found", {
        subject: `credential "${name}" of workspace "${workspace}"`,
        next: "Set it with engine.credentials.set(), then redrive the dead letter.",
      });
    }
    for (const value of Object.values(found.fields)) this.secrets.add(value);
    return found;
  }
}

/** Another attempt would find the same. */
function wrong(code: ErrorCode, details: FlowForgeErrorDetails): PermanentError {
  const cause = new FlowForgeError(code, details);
  return new PermanentError(cause.message, { cause });
}
