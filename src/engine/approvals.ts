/**
 * `engine.approvals`: links by which somebody without an account sends one signal to one run, once. A link is a signed text;
 * nothing is stored for it. That it was used is the signal itself: its id in the run's inbox comes from the link.
 */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Duration } from "../core/definition/document.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Store } from "../core/ports/store.ts";
import { isResting } from "../worker/resting.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";
import { checkedValue } from "./checked-value.ts";
import { assertMessageName } from "./message-options.ts";
import { type RunControl, runFinished, runNotFound } from "./run-control.ts";
import type { Signer } from "./signing.ts";

/** So that the link fits into what mail programs and proxies take for a URL. */
const PAYLOAD_LIMITS = { maxBytes: 1_024, maxDepth: 16 } as const;

export interface ApprovalLinkOptions extends InWorkspace {
  /** What the signal brings: at most 1 KiB, readable by whoever has the link. None: what `use` is given. */
  readonly payload?: unknown;
  /** From now, by the database's clock. Default 7d. */
  readonly expiresIn?: Duration | undefined;
  /**
   * Links of one run with the same id are one: when one was used, all are. For a link that approves and one that
   * rejects. 1 to 64 letters, digits, `_` or `-`. Default: a new one for every link.
   */
  readonly id?: string | undefined;
}

/** What a link is for. */
export interface Approval {
  readonly runId: string;
  readonly workspace: string;
  readonly signal: string;
  /** What the link brings; `undefined` where `use` says it. */
  readonly payload: Json | undefined;
  readonly expiresAt: Date;
}

interface Body extends JsonObject {
  readonly run: string;
  readonly workspace: string;
  readonly signal: string;
  readonly id: string;
  readonly expires: number;
}

const linkSchema: z.ZodObject = inWorkspaceSchema.extend({
  payload: z.unknown().optional(),
  expiresIn: z.union([z.string(), z.number()]).optional(),
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -")
    .optional(),
});

export interface ApprovalsParts {
  readonly store: Pick<Store, "load">;
  readonly control: RunControl;
  readonly clock: { now(): number };
  readonly signer: Signer;
}

export class ApprovalsApi {
  readonly #parts: ApprovalsParts;

  /** @internal */
  constructor(parts: ApprovalsParts) {
    this.#parts = parts;
  }

  /**
   * The part of a URL that lets its holder send this signal to the run, once. It is signed, not encrypted, and made of letters,
   * digits, `_`, `-` and one dot. The run keeps a signal that comes before its wait.
   *
   * Throws `option_invalid`, `duration_invalid`, `value_invalid`, `signing_key_missing`, `run_not_found`, and `run_finished` for
   * a run at rest.
   */
  async link(runId: string, signal: string, options: ApprovalLinkOptions = {}): Promise<string> {
    const workspace = workspaceOf(options, "approvals.link", linkSchema);
    assertMessageName("signal", signal);
    const { signer, clock } = this.#parts;
    if (!signer.canSign) throw keyMissing();
    const { expiresIn = "7d", id = randomBytes(16).toString("base64url"), payload } = options;
    const lastsMs = parseDuration(expiresIn, "approvals.link({ expiresIn })");
    const subject = `the payload of a link for signal "${signal}"`;
    const fixed = payload === undefined ? {} : { payload: checkedValue(payload, PAYLOAD_LIMITS, subject) };
    await this.#assertUnderWay(runId, workspace);
    const body: Body = {
      run: runId,
      workspace,
      signal,
      id,
      expires: Math.ceil(clock.now() + lastsMs),
      ...fixed,
    };
    return signer.sign(body);
  }

  /**
   * What a link is for, without using it: for the page that asks "Approve?". A link should be used by a form on that page and
   * never by being opened, because mail programs open links by themselves.
   *
   * Throws `signing_key_missing`, `approval_invalid` and `approval_expired`; a used link looks like any other.
   */
  read(token: string): Approval {
    return approvalOf(this.#verified(token));
  }

  /**
   * Sends the link's signal. `payload`: only for a link that brings none itself; default null.
   *
   * Throws `approval_invalid` for a text that this engine's keys did not sign, `approval_expired`, `approval_used` when the link
   * or another one of its id was used, `option_invalid` for a second payload, `value_invalid`, `signing_key_missing`,
   * `run_not_found`, `run_too_large`, and `run_finished` for a run at rest.
   */
  async use(token: string, payload?: unknown): Promise<Approval> {
    const body = this.#verified(token);
    const approval = approvalOf(body);
    if (payload !== undefined && approval.payload !== undefined) throw secondPayload(approval);
    const { runId, workspace, signal: name } = approval;
    const sent = await this.#parts.control.signal(runId, {
      name,
      payload: approval.payload === undefined ? (payload ?? null) : approval.payload,
      options: { workspace, id: `approval/${body.id}` },
    });
    if (sent.repeated) throw used(approval);
    return approval;
  }

  #verified(token: string): Body {
    const { signer, clock } = this.#parts;
    if (!signer.canSign) throw keyMissing();
    const body = signer.verify(token) as Body | null;
    if (body === null) throw invalid();
    if (body.expires <= clock.now()) throw expired(approvalOf(body));
    return body;
  }

  async #assertUnderWay(runId: string, workspace: string): Promise<void> {
    const [run] = await this.#parts.store.load([{ runId, since: Number.MAX_SAFE_INTEGER }]);
    if (run?.header.workspace !== workspace) throw runNotFound({ runId, workspace });
    if (isResting(run.header.status)) throw runFinished(runId, run.header.status);
  }
}

function approvalOf({ run, workspace, signal, payload, expires }: Body): Approval {
  return { runId: run, workspace, signal, payload, expiresAt: new Date(expires) };
}

function nameOf({ runId, signal }: Approval): string {
  return `the link for signal "${signal}" to run ${runId}`;
}

function keyMissing(): FlowForgeError {
  return new FlowForgeError("signing_key_missing", {
    subject: "engine.approvals",
    expected: 'the option "signingKey" of createEngine',
    next: "Make a key with: openssl rand -base64 32, and pass the same one to every engine.",
  });
}

function invalid(): FlowForgeError {
  return new FlowForgeError("approval_invalid", {
    subject: "an approval link",
    next: "Use the link as it was made, in an engine with the key that signed it.",
  });
}

function expired(approval: Approval): FlowForgeError {
  return new FlowForgeError("approval_expired", {
    subject: nameOf(approval),
    expected: `to be used before ${approval.expiresAt.toISOString()}`,
    next: "Make a new link.",
  });
}

function used(approval: Approval): FlowForgeError {
  return new FlowForgeError("approval_used", {
    subject: nameOf(approval),
    next: "Nothing was sent again. Where another decision is wanted, make a new link.",
  });
}

function secondPayload(approval: Approval): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: nameOf(approval),
    expected: "no payload: the link brings its own",
    received: "a payload",
    next: "Leave it out, or make the link without one.",
  });
}
