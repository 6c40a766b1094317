/**
 * The way of a webhook from its bytes to its run, in this order: trigger, verb and size, signature over the raw bytes by the store's clock,
 * type, handshake, input, claim of its keys, run, answer. Keys are claimed only by what is known to come from the sender, and the answer
 * says "done" only when the run is stored.
 *
 * A claim says which id the run has. Who dies between the two leaves a claim, which a loop finishes with that id after half a minute; until then
 * the sender's next try is told to come later. So only one at a time starts or rejects what was claimed.
 */
import { parseDuration } from "../core/definition/duration.ts";
import { FlowForgeError } from "../core/errors.ts";
import { QuotaExceededError } from "../core/limits/quota-error.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";
import type { BoundTrigger } from "../core/ports/triggers.ts";
import type { DeliveryDetail, DeliveryRecord, NewDelivery, Rejection } from "../core/ports/webhooks.ts";
import type { WebhookSource } from "../core/definition/document.ts";
import { handshakeOf } from "../triggers/webhooks/handshake.ts";
import { parsePayload } from "../triggers/webhooks/payload.ts";
import type { WebhookRequest } from "../triggers/webhooks/request.ts";
import { type Signature, signatureSchema } from "../core/definition/webhook-signature.ts";
import type { Verified } from "../triggers/webhooks/verdict.ts";
import { verifyWebhook } from "../triggers/webhooks/verify.ts";
import { DEFINITE } from "../worker/child-opener.ts";
import type { CredentialSource } from "../worker/grants.ts";
import { newRunId } from "../worker/run-id.ts";
import type { PreparedStart } from "./prepared-start.ts";
import type { Quotas } from "./quotas.ts";
import type { RunHandle } from "./run-handle.ts";
import type { RunsApi } from "./runs.ts";
import {
  answer,
  delayed,
  later,
  overQuota,
  refusal,
  resultOf,
  shaken,
  type WebhookAnswer,
} from "./webhook-answers.ts";
import { deliveryLetIn, type LetIn } from "./webhook-quota.ts";
import { keysOf, publicHeaders } from "./webhook-request.ts";

export const MAX_BODY_BYTES = 1_048_576;
/** Kept of each path: of strangers, and of the sender. */
const MOST_STRANGE = 100;
const MOST_VERIFIED = 200;
const STRANGE_BODY_BYTES = 65_536;
/** Strangers' deliveries that a process writes down per path and minute; others are only answered. */
const STRANGE_PER_MINUTE = 30;
const RESULT_MS = 10_000;
const MAX_RESULT_MS = 60_000;

export interface IntakeParts {
  readonly store: Pick<Store, "webhooks" | "triggers" | "load" | "now">;
  readonly runs: Pick<RunsApi, "prepareFired" | "startPrepared" | "handle">;
  readonly quotas: Quotas;
  readonly credentials: CredentialSource;
  readonly logger: Logger;
}

export interface WebhookTrigger extends BoundTrigger {
  readonly source: WebhookSource;
}

/** One delivery on its way. */
interface Incoming {
  readonly id: string;
  readonly runId: string;
  /** By the store's clock. */
  readonly now: number;
  readonly trigger: WebhookTrigger;
  readonly request: WebhookRequest;
  readonly signature: Signature | null;
}

export class WebhookIntake {
  readonly #parts: IntakeParts;
  #minute = 0;
  readonly #strange = new Map<string, number>();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** The one that the path belongs to: the first by workflow and node. */
  async trigger(workspace: string, path: string): Promise<WebhookTrigger | null> {
    const [found] = await this.#parts.store.triggers.find({
      type: "webhook",
      workspace,
      name: path,
      limit: 1,
    });
    return found?.source.type === "webhook" ? { ...found, source: found.source } : null;
  }

  async receive(workspace: string, path: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const trigger = await this.trigger(workspace, path);
    if (!trigger) return refusal(404, "not_found");
    if (request.method !== "POST") return refusal(405, "method_not_allowed", { allow: "POST" });
    const signature = signatureSchema.safeParse(trigger.source.signature).data ?? null;
    const now = await this.#parts.store.now();
    const incoming = { id: newRunId(now), runId: newRunId(now), now, trigger, request, signature };
    if (request.body.length > MAX_BODY_BYTES) {
      return this.#refuseStranger(incoming, 413, {
        reason: "too_large",
        detail: `More than ${MAX_BODY_BYTES} bytes.`,
      });
    }
    if (!signature) return this.#refuseStranger(incoming, 401, NO_SIGNATURE);
    const secrets = await this.#secrets(incoming, signature);
    const verdict = verifyWebhook(request, { signature, secrets, now });
    if (!verdict.verified) return this.#refuseStranger(incoming, 401, verdict);
    return this.#admit(incoming, signature, verdict);
  }

  /** What somebody claimed and did not finish, or has opened again: ends as accepted or rejected. Throws where neither is certain. */
  async finish(delivery: DeliveryDetail): Promise<RunHandle> {
    const { id, workspace, workflow, trigger, headers, runId } = delivery;
    if (runId === null || delivery.body === null) throw impossible(id);
    const { webhooks } = this.#parts.store;
    if (await this.#isStored(runId)) {
      await webhooks.accept(id);
      return this.#parts.runs.handle(runId, { workspace });
    }
    const bound = await this.trigger(workspace, delivery.path);
    const version = bound?.workflow === workflow ? bound.version : undefined;
    try {
      const prepared = await this.prepare(delivery, delivery.body, {
        workspace,
        workflow,
        trigger,
        headers,
        version,
      });
      return await this.#start(id, { ...prepared, runId });
    } catch (error) {
      if (isDefinite(error)) await webhooks.reject(id, rejectionOf(error));
      throw error;
    }
  }

  /** Throws `value_invalid` for a body that cannot be read, and what `runs.start` throws. */
  async prepare(
    { path }: Pick<DeliveryRecord, "path">,
    body: Uint8Array,
    of: Pick<NewDelivery, "workspace" | "workflow" | "trigger" | "headers"> & {
      readonly version: number | undefined;
    },
  ): Promise<PreparedStart> {
    const parsed = parsePayload(body, of.headers["content-type"]);
    if ("status" in parsed) {
      throw new FlowForgeError("value_invalid", {
        subject: `a delivery at "${path}"`,
        received: parsed.detail,
        next: "Nothing was started.",
      });
    }
    const { workspace, workflow, trigger, headers, version } = of;
    const input = parsed.payload;
    return this.#parts.runs.prepareFired(
      { workspace, workflow, trigger, headers, version, input },
      "a webhook",
    );
  }

  async #admit(incoming: Incoming, signature: Signature, verified: Verified): Promise<WebhookAnswer> {
    const { request, trigger, runId } = incoming;
    const { store, runs, quotas } = this.#parts;
    const parsed = parsePayload(request.body, request.headers["content-type"]);
    if ("status" in parsed) return this.#refuseSender(incoming, parsed.status, parsed, verified);
    const handshake = handshakeOf(request, signature, parsed.payload);
    if (handshake) return shaken(handshake);
    const delivery = deliveryOf(incoming, verified);
    const { workspace, workflow, version, node } = trigger;
    const { headers } = delivery;
    let prepared: PreparedStart;
    try {
      const input = parsed.payload;
      prepared = await runs.prepareFired(
        { workspace, workflow, version, trigger: node, headers, input },
        "a webhook",
      );
    } catch (error) {
      if (!isDefinite(error)) throw error;
      // What has a run already came again, whatever the newest version says of it.
      const known = await store.webhooks.repeated(delivery, delivery);
      return known
        ? this.#again(known, trigger)
        : this.#refuseSender(incoming, 422, rejectionOf(error), verified);
    }
    let letIn: LetIn = { prepared, giveBack: () => undefined };
    if (quotas.isLimited(workspace)) {
      const known = await store.webhooks.repeated(delivery, delivery);
      if (known) return this.#again(known, trigger);
      const asked = await deliveryLetIn(quotas, prepared, { source: trigger.source, now: incoming.now });
      if (asked instanceof QuotaExceededError) return overQuota(asked);
      letIn = asked;
    }
    const claim = await store.webhooks.claim(delivery, runId);
    if (claim.claimed) return this.#begin(incoming, delivery, letIn);
    letIn.giveBack();
    return this.#again(claim.known, trigger);
  }

  /** What may have been started, or is started later by a loop, has used up what it has taken. */
  async #begin(
    { runId, trigger }: Incoming,
    delivery: NewDelivery,
    { giveBack, ...letIn }: LetIn,
  ): Promise<WebhookAnswer> {
    const prepared = { ...letIn.prepared, runId };
    try {
      const run = await this.#start(delivery.id, prepared);
      const at = prepared.first?.at;
      if (at !== undefined && trigger.source.respond !== "result") return delayed(run.id, at);
      return await this.#done(run, trigger, false);
    } catch (error) {
      if (!isDefinite(error)) throw error;
      giveBack();
      await this.#parts.store.webhooks.reject(delivery.id, rejectionOf(error));
      if (error.code === "concurrency_limit_reached")
        return refusal(429, error.code, { "retry-after": "10" });
      return refusal(422, error.code);
    }
  }

  async #again(known: DeliveryRecord, trigger: WebhookTrigger): Promise<WebhookAnswer> {
    const { id, status, runId, workspace } = known;
    if (runId === null) throw impossible(id);
    if (status === "received") {
      // Somebody is just about to store it, or died; the loop finds out which.
      if (!(await this.#isStored(runId))) return later(5);
      await this.#parts.store.webhooks.accept(id);
    }
    return this.#done(this.#parts.runs.handle(runId, { workspace }), trigger, true);
  }

  async #done(run: RunHandle, { source }: WebhookTrigger, repeated: boolean): Promise<WebhookAnswer> {
    if (source.respond !== "result") return answer(200, { runId: run.id, repeated });
    const given =
      source.timeout === undefined ? RESULT_MS : parseDuration(source.timeout, "the timeout of a webhook");
    return resultOf(run, Math.min(given, MAX_RESULT_MS));
  }

  async #start(id: string, prepared: PreparedStart): Promise<RunHandle> {
    const run = await this.#parts.runs.startPrepared(prepared);
    await this.#parts.store.webhooks.accept(id);
    return run;
  }

  async #isStored(runId: string): Promise<boolean> {
    const [run] = await this.#parts.store.load([{ runId, since: Number.MAX_SAFE_INTEGER }]);
    return run !== null && run !== undefined;
  }

  async #secrets({ trigger, runId }: Incoming, signature: Signature): Promise<readonly string[]> {
    if (signature.scheme === "none") return [];
    const { workspace, workflow, node } = trigger;
    const found = await this.#parts.credentials({ workspace, workflow, node, runId, name: signature.secret });
    const { secret, previous, token, username, password } = found?.fields ?? {};
    const login = username === undefined || password === undefined ? undefined : `${username}:${password}`;
    return [secret, token, login, previous].filter((each) => each !== undefined);
  }

  async #refuseStranger(incoming: Incoming, status: number, why: Rejection): Promise<WebhookAnswer> {
    const delivery = deliveryOf(incoming, null);
    if (this.#mayWrite(delivery)) {
      const body = delivery.body.slice(0, STRANGE_BODY_BYTES);
      await this.#parts.store.webhooks.refuse({ ...delivery, body }, why, MOST_STRANGE);
    }
    return refusal(status, status === 413 ? why.reason : "unauthorized");
  }

  // oxlint-disable-next-line max-params -- what, with which status, why, and as whose
  async #refuseSender(
    incoming: Incoming,
    status: number,
    { reason, detail }: Rejection,
    verified: Verified,
  ): Promise<WebhookAnswer> {
    const delivery = deliveryOf(incoming, verified);
    await this.#parts.store.webhooks.refuse(
      delivery,
      { reason, detail: detail.slice(0, 2_000) },
      MOST_VERIFIED,
    );
    return refusal(status, reason);
  }

  #mayWrite({ workspace, path }: NewDelivery): boolean {
    const minute = Math.floor(performance.now() / 60_000);
    if (minute !== this.#minute) this.#strange.clear();
    this.#minute = minute;
    const key = JSON.stringify([workspace, path]);
    const count = (this.#strange.get(key) ?? 0) + 1;
    this.#strange.set(key, count);
    return count <= STRANGE_PER_MINUTE;
  }
}

const NO_SIGNATURE: Rejection = {
  reason: "signature_unset",
  detail: 'The trigger has no valid signature. { "scheme": "none" } would let in everything.',
};

function deliveryOf({ id, trigger, request, signature }: Incoming, verified: Verified | null): NewDelivery {
  const { workspace, workflow, node, source } = trigger;
  const keys = verified ? keysOf(verified) : { key: null, bodyKey: null };
  const headers = publicHeaders(request.headers, signatureHeader(signature));
  const { body } = request;
  const place = { workspace, path: source.path, workflow, trigger: node };
  return { id, ...place, verified: verified !== null, ...keys, headers, body, size: body.length };
}

/** Those of the named schemes say in their names what they are. */
function signatureHeader(signature: Signature | null): string | null {
  return signature?.scheme === "hmac" ? signature.header : null;
}

function isDefinite(error: unknown): error is FlowForgeError {
  return FlowForgeError.is(error) && DEFINITE.has(error.code);
}

function rejectionOf({ code, message }: FlowForgeError): Rejection {
  return { reason: code, detail: message.slice(0, 2_000) };
}

function impossible(id: string): FlowForgeError {
  return new FlowForgeError("internal", {
    subject: `delivery ${id}`,
    next: "It has no run to start, or no body.",
  });
}
