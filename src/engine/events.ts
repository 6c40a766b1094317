/** `engine.publish` and `engine.events`: events of a workspace, which wake waits and start runs. */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../core/definition/normalise.ts";
import { OWN_PREFIX } from "../core/definition/own-events.ts";
import { FlowForgeError } from "../core/errors.ts";
import {
  EVENT_KEEP_MS,
  EVENT_SHORT_MS,
  type EventDetail,
  type EventRecord,
  type EventRefusal,
  type NewEvent,
  type Publication,
} from "../core/ports/events.ts";
import type { Page, Store } from "../core/ports/store.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import type { OutgoingEvent } from "../worker/outgoing.ts";
import { retryMs } from "../worker/retry-pause.ts";
import type { Worker } from "../worker/worker.ts";
import { type InWorkspace, inWorkspaceSchema, workspaceOf } from "./call-options.ts";
import { checkedValue } from "./checked-value.ts";
import { type EventFanOut, HOLD_MS } from "./event-fan-out.ts";
import { assertMessageName, publishSchema, type PublishOptions } from "./message-options.ts";
import { type FeedMessage, follow, type FollowOptions } from "./follow.ts";
import type { OwnTransactions } from "./transactions.ts";

/** What is left then goes on in the background. */
const PAGES = 1;
/** How long an event waits for a transaction that has published one of its id. */
const LOCKED_MS = 10_000;

/** What became of an event. */
export interface Published {
  /** The one that was given, or a new one. See `events.get`. */
  readonly id: string;
  /** How many runs that waited took it. */
  readonly runs: number;
  /** How many runs it started. */
  readonly started: number;
  /** How many runs have no room for its payload (`limits.runBytes`), and did not get it. Absent: none. */
  readonly full?: number;
  /** How many triggers matched and could not start their run; `events.get` says why. Absent: none. */
  readonly refused?: number;
  /** It was published before, and nothing was done now; the counts are of then. Absent: it was not. */
  readonly repeated?: true;
  /** It matches more than was handed on until now: the rest follows, whatever happens to this process. Absent: all of it was. */
  readonly continues?: true;
}

/** An event that was published, and what became of it so far. */
export interface WorkspaceEvent {
  readonly workspace: string;
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  /** It has reached everything that it matches. */
  readonly done: boolean;
  readonly runs: number;
  readonly started: number;
  readonly full: number;
  readonly refused: number;
  /** Why triggers that matched started no run: the first 20. */
  readonly refusals: readonly EventRefusal[];
  /** Workflows whose runs led to it, the oldest first: it starts none of them. */
  readonly chain: readonly string[];
}

export interface ListEventsOptions extends InWorkspace {
  /** Only events of this name. */
  readonly name?: string | undefined;
  /** Only events that could not start a run of a trigger that matched. */
  readonly refused?: boolean | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  name: z.string().optional(),
  refused: z.boolean().optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

export interface EventsParts {
  readonly store: Pick<Store, "events" | "feed">;
  readonly transactions: Pick<HostTransactions, "publish">;
  readonly own: Pick<OwnTransactions, "pledge" | "note">;
  readonly fanOut: EventFanOut;
  readonly worker: () => Pick<Worker, "table" | "wakeEvents">;
}

export class EventsApi {
  readonly #parts: EventsParts;

  /** @internal */
  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /**
   * What happens in a workspace, as it happens, until `signal` aborts. See `FeedMessage`. Throws `option_invalid`, and what the store
   * throws.
   */
  follow(options: FollowOptions = {}): AsyncGenerator<FeedMessage> {
    return follow(this.#parts.store.feed, options);
  }

  /** See `Engine.publish`. @internal */
  async publish(name: string, payload: unknown, options: PublishOptions): Promise<Published> {
    const event = this.#event(name, payload, options);
    if (options.tx !== undefined) return this.#within(options.tx, event);
    const { published, event: known } = await this.#stored(event);
    if (!published && known.fingerprint !== event.fingerprint) throw conflict(event, known);
    return this.#handOn(published, { ...known, payload: event.payload });
  }

  /** As an action of a run does: of its attempts the first one says what the payload is. @internal */
  async publishOfRun({ name, payload, workspace, id, chain }: OutgoingEvent): Promise<Published> {
    const event = { ...this.#event(name, payload, { workspace, id }), chain };
    const { published, event: known } = await this.#stored(event);
    const isSame = published || known.fingerprint === event.fingerprint;
    if (!isSame) return { ...publishedOf(known), repeated: true };
    return this.#handOn(published, { ...known, payload: event.payload });
  }

  /** Nothing is done with it before the transaction has ended. */
  async #within(tx: CallerTransaction, event: NewEvent): Promise<Published> {
    const { transactions, own } = this.#parts;
    // Of a transaction of the caller's nobody hears the end: a loop finds the event.
    const holdMs = own.pledge(tx).isOwn ? HOLD_MS : 0;
    const { published, event: known } = await this.#stored(event, () =>
      transactions.publish(tx, event, holdMs),
    );
    if (!published && known.fingerprint !== event.fingerprint) throw conflict(event, known);
    if (!published) return { ...publishedOf(known), repeated: true };
    own.note(tx, { id: `event ${event.id}`, dispatch: () => this.#committed(event) });
    return publishedOf(known);
  }

  /** A savepoint may have taken it back. */
  async #committed(event: NewEvent): Promise<void> {
    const found = await this.#parts.store.events.get(event);
    if (found?.fingerprint === event.fingerprint)
      await this.#handOn(true, { ...found, payload: event.payload });
  }

  /** Throws `idempotency_in_progress` where a transaction that does not end has published one of this id. */
  async #stored(
    event: NewEvent,
    publish: () => Promise<Publication> = () => this.#parts.store.events.publish(event, HOLD_MS),
  ): Promise<Exclude<Publication, { readonly event: null }>> {
    const { table } = this.#parts.worker();
    const endsAt = performance.now() + LOCKED_MS;
    for (let attempt = 0; ; attempt++) {
      const publication = await publish();
      if (publication.event !== null) return publication;
      if (table.stopped() || performance.now() >= endsAt) throw inProgress(event);
      await table.pause(retryMs(attempt));
    }
  }

  /** One that came before and is not done has nobody, perhaps, who goes on with it. */
  async #handOn(published: boolean, event: EventDetail): Promise<Published> {
    const seen = await this.#parts.fanOut.handOn(event, PAGES);
    if (seen.stage !== "done") this.#parts.worker().wakeEvents();
    return { ...publishedOf(seen), ...(published ? {} : { repeated: true }) };
  }

  /** `null`: there is none of this id, or its time is over. Throws `option_invalid`. */
  async get(id: string, options: InWorkspace = {}): Promise<WorkspaceEvent | null> {
    const workspace = workspaceOf(options, "events.get");
    const event = await this.#parts.store.events.get({ workspace, id });
    return event && shown(event);
  }

  /** Those that are kept, the newest first, page by page. Throws `option_invalid`. */
  async list(options: ListEventsOptions = {}): Promise<Page<WorkspaceEvent>> {
    const workspace = workspaceOf(options, "events.list", listSchema);
    const { name, refused, cursor, limit = 100 } = options;
    const { items, cursor: next } = await this.#parts.store.events.page({
      workspace,
      limit,
      ...(name === undefined ? {} : { name }),
      ...(refused === undefined ? {} : { refused }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    return { items: items.map(shown), cursor: next };
  }

  #event(name: string, given: unknown, options: PublishOptions): NewEvent {
    const workspace = workspaceOf(options, "publish", publishSchema);
    assertMessageName("event", name);
    assertNotReserved("the name of an event", name);
    if (options.id !== undefined) assertNotReserved("the id of an event", options.id);
    const payload = checkedValue(given, this.#parts.worker().table.limits, `the payload of event "${name}"`);
    const fingerprint = createHash("sha256")
      .update(canonicalJson([name, payload]))
      .digest("hex");
    const keepMs = options.id === undefined ? EVENT_SHORT_MS : EVENT_KEEP_MS;
    return { workspace, id: options.id ?? randomUUID(), name, payload, fingerprint, chain: [], keepMs };
  }
}

function publishedOf({ id, stage, runs, started, full, refused }: EventRecord): Published {
  return {
    id,
    runs,
    started,
    ...(full > 0 ? { full } : {}),
    ...(refused > 0 ? { refused } : {}),
    ...(stage === "done" ? {} : { continues: true }),
  };
}

function shown(event: EventRecord): WorkspaceEvent {
  const { workspace, id, name, publishedAt, stage, runs, started, full, refused, refusals, chain } = event;
  const counts = { runs, started, full, refused };
  return { workspace, id, name, publishedAt, done: stage === "done", ...counts, refusals, chain };
}

function assertNotReserved(subject: string, text: string): void {
  if (!text.startsWith(OWN_PREFIX)) return;
  throw new FlowForgeError("option_invalid", {
    subject,
    expected: `one that does not begin with "${OWN_PREFIX}"`,
    received: JSON.stringify(text.slice(0, 80)),
    next: "Take another one: the engine publishes events under such names itself.",
  });
}

function inProgress({ id, name, workspace }: NewEvent): FlowForgeError {
  return new FlowForgeError("idempotency_in_progress", {
    subject: `event "${name}" with id ${JSON.stringify(id)} in workspace "${workspace}"`,
    next: "Nothing was stored. Commit or roll back the transaction that has published this id, and publish it again.",
  });
}

function conflict({ id, name, workspace }: NewEvent, known: EventRecord): FlowForgeError {
  return new FlowForgeError("event_conflict", {
    subject: `event "${name}" with id ${JSON.stringify(id)} in workspace "${workspace}"`,
    expected: `what was published as "${known.name}" at ${new Date(known.publishedAt).toISOString()}`,
    received: known.name === name ? "another payload" : "another name",
    next: "Give every event an id of its own; the same id is for the same event, when the call is repeated.",
  });
}
