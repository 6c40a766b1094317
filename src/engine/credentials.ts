/**
 * `engine.credentials`: secrets of a workspace that nodes are granted by name. Values go in and are never given back: actions get them
 * through `ctx.credential`, in runs of the same workspace, at nodes that name them.
 */
import { z } from "zod";
import { fits, NAME } from "../core/definition/names.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { CredentialHeader } from "../core/ports/credentials.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Page } from "../core/ports/store.ts";
import { PermanentError } from "../core/run/failures.ts";
import { HOST_PATTERN } from "../security/outbound/rules.ts";
import type { CredentialFields, Rotation, Vault } from "../security/vault/vault.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import type { CredentialRequest, CredentialSource } from "../worker/grants.ts";
import type { ResolveCredential } from "./options.ts";
import { checkOptions } from "./check-options.ts";

export interface SetCredentialOptions extends InWorkspace {
  /** Hosts that it may be sent to: `api.example.com`, `*.example.com`. Default: any that the engine may call. */
  readonly allowHosts?: readonly string[] | undefined;
}

export interface ListCredentialsOptions extends InWorkspace {
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface RotateKeysOptions {
  /** Also new data keys, with which every credential is sealed anew. Default false. */
  readonly dataKeys?: boolean | undefined;
}

/** What the host knows comes before what is stored. */
export function credentialSource(
  resolve: ResolveCredential | null,
  vault: Vault | null,
  logger: Logger,
): CredentialSource {
  return async (request) => {
    const own = resolve ? await askedOf(resolve, request, logger) : null;
    if (own) return { fields: own.fields, allowHosts: own.allowHosts ?? null };
    return vault ? vault.get(request.workspace, request.name) : null;
  };
}

/**
 * What the host's function throws may hold a secret that nobody here knows, and so cannot find: a client of a key service that quotes its request.
 * Of such an error its class and the places of its stack are kept, which are code.
 */
async function askedOf(
  resolve: ResolveCredential,
  request: CredentialRequest,
  logger: Logger,
): Promise<Awaited<ReturnType<ResolveCredential>>> {
  try {
    return await resolve(request);
  } catch (error) {
    const thrown = error instanceof Error ? error.constructor.name : typeof error;
    const { workspace, name, runId, workflow, node } = request;
    const fields = { workspace, credential: name, runId, workflow, node, thrown, at: placesOf(error) };
    logger.error(fields, "resolveCredential threw; what it said is left out, as it may hold a secret");
    const unavailable = new FlowForgeError("credential_unavailable", {
      subject: `credential "${name}" of workspace "${workspace}"`,
      received: thrown,
      next: "Look at what resolveCredential does; its error's own words are nowhere, so catch and log them there.",
    });
    if (!(error instanceof PermanentError)) throw unavailable;
    throw new PermanentError(unavailable.message, { cause: unavailable });
  }
}

/** The lines of a stack that name code; its first ones are the message. */
function placesOf(error: unknown): readonly string[] {
  const stack = error instanceof Error ? String(error.stack).replace(error.message, "") : "";
  return stack.split("\n").flatMap((line) => PLACE.exec(line)?.[1] ?? []);
}

const PLACE = /^\s+at (?:.*\()?((?:file:\/\/|node:|\/|[A-Z]:\\)[^()]*:\d+:\d+)\)?$/;

const MAX_FIELDS = 32;
const MAX_VALUE_BYTES = 16_384;

const host = z.string().regex(HOST_PATTERN, "a host name, as api.example.com or *.example.com");
const setSchema: z.ZodObject = inWorkspaceSchema.extend({
  allowHosts: z.array(host, "a list of host names").max(100, "at most 100").optional(),
});
const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});
const rotateSchema: z.ZodObject = z.strictObject({ dataKeys: z.boolean().optional() });

export class CredentialsApi {
  readonly #vault: Vault | null;

  /** @internal */
  constructor(vault: Vault | null) {
    this.#vault = vault;
  }

  /**
   * Stores a credential, in the place of one of this name: all of its fields, as `{ token: "..." }` or `{ username: "...", password:
   * "..." }`. At most 32 fields, of at most 16 KiB each. Runs that are under way use it from their next attempt on.
   *
   * Throws `option_invalid`, and `encryption_missing` where the engine has no keys.
   */
  async set(name: string, fields: CredentialFields, options: SetCredentialOptions = {}): Promise<void> {
    const workspace = workspaceOf(options, "credentials.set", setSchema);
    assertName(name);
    assertFields(name, fields);
    await this.#open("set").set(workspace, name, { fields, allowHosts: options.allowHosts ?? null });
  }

  /** Credentials of a workspace by name, without their values. */
  async list(options: ListCredentialsOptions = {}): Promise<Page<CredentialHeader>> {
    const workspace = workspaceOf(options, "credentials.list", listSchema);
    const { cursor, limit = 100 } = options;
    const after = cursor === undefined ? {} : { after: cursor };
    const found = await this.#open("list").list({ workspace, limit, ...after });
    return { items: found, cursor: found.length < limit ? null : found.at(-1)!.name };
  }

  /** Deletes a credential. Throws `credential_not_found`. */
  async delete(name: string, options: InWorkspace = {}): Promise<void> {
    const workspace = workspaceOf(options, "credentials.delete", inWorkspaceSchema);
    if (await this.#open("delete").delete(workspace, name)) return;
    throw new FlowForgeError("credential_not_found", {
      subject: `credential ${JSON.stringify(String(name).slice(0, 80))} of workspace "${workspace}"`,
      next: "Look at engine.credentials.list().",
    });
  }

  /**
   * After another key has become the current one: wraps every workspace's data key with it, so that the old key can be taken out of the
   * option `encryption`. Runs go on meanwhile. Whatever breaks it off: the same call goes on.
   */
  async rotateKeys(options: RotateKeysOptions = {}): Promise<Rotation> {
    checkOptions(rotateSchema, options, "credentials.rotateKeys");
    return await this.#open("rotateKeys").rotate({ dataKeys: options.dataKeys ?? false });
  }

  /** Deletes every credential of a workspace and the keys that sealed them, so that backups of the rows can be read by nobody. */
  async shred(options: InWorkspace): Promise<{ readonly credentials: number }> {
    const workspace = workspaceOf(options, "credentials.shred", inWorkspaceSchema);
    return await this.#open("shred").shred(workspace);
  }

  #open(call: string): Vault {
    if (this.#vault) return this.#vault;
    throw new FlowForgeError("encryption_missing", {
      subject: `engine.credentials.${call}`,
      next: 'Pass encryption: { keys: { k1: "<openssl rand -base64 32>" }, current: "k1" } to createEngine().',
    });
  }
}

function assertName(name: string): void {
  if (typeof name === "string" && fits(NAME, name)) return;
  throw invalid("the name of a credential", NAME.words, JSON.stringify(String(name).slice(0, 80)));
}

/** Nothing of a value is ever in the error. */
function assertFields(name: string, fields: unknown): asserts fields is CredentialFields {
  const subject = `credential "${name}"`;
  if (typeof fields !== "object" || fields === null || Array.isArray(fields))
    throw invalid(subject, "an object of texts by field", typeof fields);
  const entries = Object.entries(fields);
  if (entries.length === 0 || entries.length > MAX_FIELDS)
    throw invalid(subject, `1 to ${MAX_FIELDS} fields`, `${entries.length}`);
  for (const [field, value] of entries) {
    if (!fits(NAME, field)) throw invalid(subject, `fields named by ${NAME.words}`, "another name");
    if (typeof value !== "string" || value === "")
      throw invalid(
        subject,
        `a text in field "${field}"`,
        typeof value === "string" ? "an empty one" : typeof value,
      );
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES)
      throw invalid(subject, `at most ${MAX_VALUE_BYTES} bytes in field "${field}"`, "more");
  }
}

function invalid(subject: string, expected: string, received: string): FlowForgeError {
  return new FlowForgeError("option_invalid", { subject, expected, received, next: "Correct it." });
}
