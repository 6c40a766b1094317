/** `engine.webhooks`: what comes in from outside at the paths of a workspace's workflows. */
import { z } from "zod";
import { fits, NAME } from "../core/definition/names.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Page, Store } from "../core/ports/store.ts";
import type { TriggerPlace } from "../core/ports/triggers.ts";
import { signatureSchema } from "../core/definition/webhook-signature.ts";
import type { DeliveryDetail, DeliveryKeys, DeliveryRecord, DeliveryStatus } from "../core/ports/webhooks.ts";
import { namesOf } from "../triggers/webhooks/verify.ts";
import { newRunId } from "../worker/run-id.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import { later, refusal, type WebhookAnswer } from "./webhook-answers.ts";
import type { WebhookIntake, WebhookTrigger } from "./webhook-intake.ts";
import { keysOf, lowerCase } from "./webhook-request.ts";

/** A request as it came in. Nothing of it may have been parsed or decoded: the signature is over these bytes. */
export interface IncomingWebhook extends InWorkspace {
  /** The trigger's `path`. */
  readonly path: string;
  readonly method: string;
  /** The address that the sender used. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
}

/** A path, and the trigger that it belongs to. */
export interface WebhookEndpoint {
  readonly workspace: string;
  readonly path: string;
  readonly workflow: string;
  readonly trigger: string;
  /** `null`: it has none, and lets nothing in. */
  readonly scheme: string | null;
  readonly respond: "accepted" | "result";
  /** Another trigger has the same path, and comes before this one by workflow and node: this one gets nothing. */
  readonly shadowed: boolean;
}

export interface ListWebhooksOptions extends InWorkspace {
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface ListDeliveriesOptions extends ListWebhooksOptions {
  readonly path?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
}

/** A delivery, without its body and the headers that hold secrets. */
export type WebhookDelivery = Omit<DeliveryRecord, "bodyKey">;

const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  cursor: z.string().max(1_000).optional(),
  limit: z.int().min(1).max(1_000).optional(),
});
const deliveriesSchema: z.ZodObject = listSchema.extend({
  path: z.string().min(1).max(128).optional(),
  status: z.enum(["received", "accepted", "rejected"]).optional(),
});
const receiveSchema: z.ZodObject = inWorkspaceSchema.extend({
  path: z.string(),
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.instanceof(Uint8Array),
});

export class WebhooksApi {
  readonly #store: Store;
  readonly #intake: WebhookIntake;
  readonly #logger: Logger;

  /** @internal */
  constructor(parts: { readonly store: Store; readonly intake: WebhookIntake; readonly logger: Logger }) {
    this.#store = parts.store;
    this.#intake = parts.intake;
    this.#logger = parts.logger;
  }

  /**
   * Takes a request in, and resolves with what its sender is to be answered. A status of 2xx means that the run is stored; a delivery that
   * comes again is answered with the run that it has. Whatever a stranger sends is answered below 500; where the store cannot be
   * reached the answer is 503, and the sender is to try again.
   *
   * Throws `option_invalid` where this call is given something else than a request.
   */
  async receive(request: IncomingWebhook): Promise<WebhookAnswer> {
    const workspace = workspaceOf(request, "webhooks.receive", receiveSchema);
    const { path, method, url, headers, body } = request;
    if (!fits(NAME, path)) return refusal(404, "not_found");
    try {
      return await this.#intake.receive(workspace, path, { method, url, headers: lowerCase(headers), body });
    } catch (error) {
      this.#logger.error(
        { error, workspace, path },
        "a webhook could not be taken in; its sender is to try again",
      );
      return later(10);
    }
  }

  /** The paths of a workspace, by workflow and trigger. Throws `option_invalid`. */
  async list(options: ListWebhooksOptions = {}): Promise<Page<WebhookEndpoint>> {
    const workspace = workspaceOf(options, "webhooks.list", listSchema);
    const { cursor, limit = 100 } = options;
    const after = cursor === undefined ? {} : { after: placeOf(workspace, cursor) };
    const found = await this.#store.triggers.find({ type: "webhook", workspace, limit: limit + 1, ...after });
    const items: WebhookEndpoint[] = [];
    for (const { workflow, node, source } of found.slice(0, limit)) {
      if (source.type !== "webhook") continue;
      const owner = await this.#intake.trigger(workspace, source.path);
      const scheme = source.signature?.["scheme"];
      items.push({
        workspace,
        path: source.path,
        workflow,
        trigger: node,
        scheme: typeof scheme === "string" ? scheme : null,
        respond: source.respond ?? "accepted",
        shadowed: owner !== null && (owner.workflow !== workflow || owner.node !== node),
      });
    }
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? `${last.workflow} ${last.trigger}` : null };
  }

  /** Deliveries of the last 7 days, the newest first, page by page. Throws `option_invalid`. */
  async deliveries(options: ListDeliveriesOptions = {}): Promise<Page<WebhookDelivery>> {
    const workspace = workspaceOf(options, "webhooks.deliveries", deliveriesSchema);
    const { path, status, cursor, limit = 100 } = options;
    const page = await this.#store.webhooks.page({
      workspace,
      limit,
      ...(path === undefined ? {} : { path }),
      ...(status === undefined ? {} : { status }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return { items: page.items.map(shown), cursor: page.cursor };
  }

  /**
   * Takes a rejected delivery in after all, without a look at its signature: whoever calls this answers for it. Its run is one of the newest
   * version. Of several calls one starts it. It takes the name that the trigger's scheme has for it: when the sender sends it again, rightly signed,
   * he is answered with this run.
   *
   * Throws `delivery_not_found`; `delivery_refused` where it is not rejected (any more), its body was too large to be kept, or the sender
   * has sent it again meanwhile; and what `runs.start` throws, and then it stays rejected.
   */
  async replay(id: string, options: InWorkspace = {}): Promise<{ readonly runId: string }> {
    const workspace = workspaceOf(options, "webhooks.replay", inWorkspaceSchema);
    const { webhooks, now } = { webhooks: this.#store.webhooks, now: await this.#store.now() };
    const found = await webhooks.get(workspace, id);
    if (!found) {
      throw new FlowForgeError("delivery_not_found", {
        subject: `delivery ${JSON.stringify(String(id).slice(0, 80))} of workspace "${workspace}"`,
        next: "Look at engine.webhooks.deliveries().",
      });
    }
    if (found.status !== "rejected") throw refused(id, "It is not rejected.");
    if (found.body === null || found.body.length < found.size)
      throw refused(id, "It was too large to be kept as a whole.");
    const { path, headers, body } = found;
    const bound = await this.#intake.trigger(workspace, path);
    if (!bound) throw refused(id, `No trigger has the path "${path}".`);
    const { workflow, node: trigger, version } = bound;
    if (workflow !== found.workflow || trigger !== found.trigger)
      throw refused(id, `The path "${path}" belongs to another trigger by now.`);
    // What cannot be started stays as it is.
    await this.#intake.prepare(found, body, { workspace, workflow, trigger, headers, version });
    const runId = newRunId(now);
    const moved = await webhooks.reopen({ workspace, id, runId, keys: keysToTake(found, body, bound) });
    if (moved === "taken") throw refused(id, "The sender has sent it again, and that one was taken in.");
    if (moved === "gone") throw refused(id, "Somebody else has replayed it, or it was deleted.");
    await this.#intake.finish({ ...found, status: "received", runId });
    return { runId };
  }
}

/** What the sender signed has its keys. Another one gets those that it would have had, so that the same delivery, rightly signed, finds its run. */
function keysToTake(found: DeliveryDetail, body: Uint8Array, { source }: WebhookTrigger): DeliveryKeys {
  if (found.verified) return found;
  const signature = signatureSchema.safeParse(source.signature).data ?? null;
  return keysOf(namesOf({ method: "POST", url: "", headers: found.headers, body }, signature));
}

function refused(id: string, why: string): FlowForgeError {
  return new FlowForgeError("delivery_refused", {
    subject: `delivery ${id}`,
    received: why,
    next: "Nothing was started.",
  });
}

function shown({ bodyKey: _bodyKey, ...delivery }: DeliveryRecord): WebhookDelivery {
  return delivery;
}

/** Names of workflows and nodes hold no space. */
function placeOf(workspace: string, cursor: string): TriggerPlace {
  const [workflow = "", node = ""] = cursor.split(" ", 2);
  return { workspace, workflow, node };
}
