/**
 * `engine.deadLetters`: node runs that gave up, and what people do about them.
 *
 * Each order is a message in its run's inbox, like a cancel, and the run decides. Which order resolved a dead letter is stored
 * with it, so of two people who resolve the same one exactly one is told that it was done.
 */
import { randomUUID } from "node:crypto";
import type { ActionRegistry } from "../actions/registry.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { DeadLetter, DeadLetterFilter, DeadLetterGroup } from "../core/ports/dead-letter.ts";
import type { JsonObject } from "../core/json.ts";
import type { InboxMessage } from "../core/ports/message.ts";
import type { Page, Store } from "../core/ports/store.ts";
import type { LetterBody } from "../worker/intent.ts";
import type { Worker } from "../worker/worker.ts";
import type { VersionMoves, MovePreview } from "./version-moves.ts";
import type { AuditApi, AuditNote } from "./audit.ts";
import { BulkCount, type BulkResult } from "./bulk-result.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import { checkOptions } from "./check-options.ts";
import {
  bulkRedriveSchema,
  type BulkCompleteOptions,
  bulkCompleteSchema,
  type BulkRedriveOptions,
  bulkResolveSchema,
  completeSchema,
  type CompleteOptions,
  type DeadLetterListOptions,
  type DeadLetterQuery,
  letterFilter,
  letterListSchema,
  type PreviewOptions,
  previewSchema,
  redriveSchema,
  type RedriveOptions,
  resolveSchema,
  type ResolveOptions,
} from "./dead-letter-options.ts";
import {
  alreadyResolved,
  messageOf,
  noRoomFor,
  notTaken,
  type Order,
  valueOf,
} from "./dead-letter-orders.ts";
import { messageSize } from "./message-size.ts";

/** Dead letters that are resolved together. */
const BATCH = 250;

export interface DeadLettersParts {
  readonly store: Store;
  readonly worker: Worker;
  readonly registry: ActionRegistry;
  readonly moves: VersionMoves;
  readonly audit: AuditApi;
}

/** A dead letter with the order's message, or the reason why there is none. */
type Sent = { readonly letter: DeadLetter; readonly id: string; readonly version: number | undefined };
type Refusal = { readonly letter: DeadLetter; readonly error: FlowForgeError };

export class DeadLettersApi {
  readonly #parts: DeadLettersParts;

  /** @internal */
  constructor(parts: DeadLettersParts) {
    this.#parts = parts;
  }

  /** Dead letters of a workspace, the newest first, page by page; those that are open unless `state` says otherwise. */
  async list(options: DeadLetterListOptions = {}): Promise<Page<DeadLetter>> {
    const filter = letterFilter(options, "deadLetters.list", letterListSchema);
    const { state = "open", cursor, limit = 100 } = options;
    return this.#parts.store.deadLetters({
      ...filter,
      limit,
      ...(state === "all" ? {} : { open: state === "open" }),
      ...(cursor === undefined ? {} : { cursor }),
    });
  }

  /** One dead letter, or `null` where the workspace has none of this id. */
  async get(id: string, options: InWorkspace = {}): Promise<DeadLetter | null> {
    return this.#one(workspaceOf(options, "deadLetters.get", inWorkspaceSchema), id);
  }

  /** Open dead letters by what failed (workflow, node, class and message of the error), the largest group first, at most 1,000. */
  async groups(options: DeadLetterQuery = {}): Promise<readonly DeadLetterGroup[]> {
    return this.#parts.store.deadLetterGroups({ ...letterFilter(options, "deadLetters.groups"), open: true });
  }

  /**
   * What redriving the dead letter with another version of its workflow would mean: of each node whether its result is kept, whether it
   * runs and what differs, and why it is refused, where it is. `text` is the same for people. Changes nothing.
   *
   * Throws `dead_letter_not_found`, `workflow_not_found` where there is no such version, `option_invalid`.
   */
  async preview(id: string, options: PreviewOptions): Promise<MovePreview> {
    const workspace = workspaceOf(options, "deadLetters.preview", previewSchema);
    const letter = await this.#one(workspace, id);
    if (!letter) throw notFound(id, workspace);
    return this.#parts.moves.preview(letter, options.version);
  }

  /**
   * Runs the node again, in the same run. The idempotency key stays the same, unless the input is edited, `newKey` asks for another, or
   * `version` names one where the node is another.
   *
   * Throws `dead_letter_not_found`, `dead_letter_resolved`, `dead_letter_refused` (the run was cancelled), `redrive_unsafe`
   * where the effect could happen twice and `force` does not allow it (another key for an unknown outcome; the old key more than
   * 24 hours after its first attempt), `version_refused` where the run cannot go on with that version, `workflow_not_found` where there
   * is no such version, `input_invalid`, `value_invalid`, `option_invalid`.
   */
  redrive(id: string, options?: RedriveOptions): Promise<void>;
  /**
   * Redrives every open dead letter that fits, in batches. Where it breaks off, the same call goes on with what is open still.
   * Those that cannot be redriven are counted, with their reasons.
   */
  redrive(filter: DeadLetterQuery, options?: BulkRedriveOptions): Promise<BulkResult>;
  redrive(which: string | DeadLetterQuery, options: RedriveOptions = {}): Promise<void | BulkResult> {
    const { by = null, newKey = false, force = false, input, version } = options;
    const order: Order = { kind: "redrive", by, newKey, force, input, version };
    const schema = typeof which === "string" ? redriveSchema : bulkRedriveSchema;
    return this.#order(which, { order, options, schema, call: "deadLetters.redrive" });
  }

  /**
   * Supplies the node's result by hand, and the run goes on from there: `output` for an action, `outcome` for a condition or a
   * wait.
   *
   * Throws `dead_letter_not_found`, `dead_letter_resolved`, `dead_letter_refused`, `output_invalid`, `value_invalid`,
   * `option_invalid`, `run_too_large`.
   */
  complete(id: string, options?: CompleteOptions): Promise<void>;
  /**
   * Completes every open dead letter that fits with the same result, in batches: for one group, or one node. Those that it does not fit are
   * counted as refused, with their reasons.
   */
  complete(filter: DeadLetterQuery, options?: BulkCompleteOptions): Promise<BulkResult>;
  complete(which: string | DeadLetterQuery, options: CompleteOptions = {}): Promise<void | BulkResult> {
    const { by = null, output, outcome } = options;
    const order: Order = { kind: "complete", by, output, outcome };
    const schema = typeof which === "object" ? bulkCompleteSchema : completeSchema;
    return this.#order(which, { order, options, schema, call: "deadLetters.complete" });
  }

  /**
   * Gives the node up: what depends on it alone is skipped, and the run goes on without it.
   *
   * Throws `dead_letter_not_found`, `dead_letter_resolved`, `dead_letter_refused`, `option_invalid`.
   */
  discard(id: string, options?: ResolveOptions): Promise<void>;
  /** Discards every open dead letter that fits, in batches. */
  discard(filter: DeadLetterQuery, options?: Omit<ResolveOptions, "workspace">): Promise<BulkResult>;
  discard(which: string | DeadLetterQuery, options: ResolveOptions = {}): Promise<void | BulkResult> {
    const { by = null } = options;
    const schema = typeof which === "string" ? resolveSchema : bulkResolveSchema;
    return this.#order(which, {
      order: { kind: "discard", by },
      options,
      schema,
      call: "deadLetters.discard",
    });
  }

  // ------------------------------------------------------------------ inside

  #order(which: string, call: Call): Promise<void>;
  #order(which: string | DeadLetterQuery, call: Call): Promise<void | BulkResult>;
  async #order(which: string | DeadLetterQuery, call: Call): Promise<void | BulkResult> {
    const { options, schema, order } = call;
    checkOptions(schema, options, call.call);
    const { audit } = this.#parts;
    const entry = { action: call.call, kind: "deadLetter", actor: order.by };
    if (typeof which !== "string") {
      const filter = letterFilter(which, call.call);
      const { workspace, ...parts } = filter;
      const details = { filter: parts, ...choicesOf(order) };
      return audit.record({ ...entry, workspace, details }, (note) => this.#many(filter, order, note));
    }
    const workspace = workspaceOf(options, call.call, schema);
    const letter = await this.#one(workspace, which);
    if (!letter) throw notFound(which, workspace);
    const { runId, workflow, node } = letter;
    const details = { runId, workflow, node, ...choicesOf(order) };
    await audit.record({ ...entry, workspace, subject: which, details }, async () => {
      const [refusal] = await this.#resolve([letter], order);
      if (refusal) throw refusal.error;
    });
  }

  /** For the node of another run, whose own dead letter somebody redrives. @internal */
  async redriveBelow(run: { readonly runId: string; readonly workspace: string }): Promise<BulkResult> {
    const order: Order = { kind: "redrive", by: "the run above", newKey: false, force: false };
    return this.#many(run, order, () => {});
  }

  /** A page at a time, from the newest on: what fails again meanwhile is newer, and so is not met twice. */
  async #many(filter: DeadLetterFilter, order: Order, note: AuditNote): Promise<BulkResult> {
    const { store } = this.#parts;
    const count = new BulkCount();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await store.deadLetters({
        ...filter,
        open: true,
        limit: BATCH,
        ...(cursor ? { cursor } : {}),
      });
      const refusals = await this.#resolve(page.items, order);
      count.add(page.items.length - refusals.length);
      for (const { letter, error } of refusals) count.refuse(letter.id, error);
      cursor = page.cursor;
    }
    const { done, refused } = count.result;
    note({ details: { done, refused } });
    return count.result;
  }

  /** Gives the refusals; all others are done. */
  async #resolve(letters: readonly DeadLetter[], order: Order): Promise<readonly Refusal[]> {
    if (letters.length === 0) return [];
    const { sent, refusals } = await this.#send(letters, order);
    const { table } = this.#parts.worker;
    const looks = sent.map(({ letter }) => table.submit(letter.runId, { type: "look" }));
    await Promise.all(looks);
    return [...refusals, ...(await this.#untaken(sent))];
  }

  async #send(
    letters: readonly DeadLetter[],
    order: Order,
  ): Promise<{ readonly sent: readonly Sent[]; readonly refusals: readonly Refusal[] }> {
    const { store, worker } = this.#parts;
    const sent: Sent[] = [];
    const messages: InboxMessage[] = [];
    const refusals: Refusal[] = [];
    const bodies = await Promise.all(letters.map((letter) => this.#body(letter, order)));
    for (const [index, letter] of letters.entries()) {
      const body = bodies[index]!;
      if (FlowForgeError.is(body)) {
        refusals.push({ letter, error: body });
        continue;
      }
      const id = `${order.kind}/${letter.id}/${randomUUID()}`;
      messages.push({ runId: letter.runId, id, body, ...messageSize(valueOf(body), worker.table.limits) });
      sent.push({ letter, id, version: body.kind === "redrive" ? body.version : undefined });
    }
    // A run that is gone or over by now has resolved its dead letters: that shows when they are read again.
    const results = messages.length > 0 ? await store.append(messages) : [];
    const isFull = (index: number): boolean => results[index] === "full";
    for (const [index, { letter }] of sent.entries())
      if (isFull(index)) refusals.push({ letter, error: noRoomFor(letter, messages[index]!) });
    return { sent: sent.filter((_, index) => !isFull(index)), refusals };
  }

  /** What is sent to the run, or why nothing is. */
  async #body(letter: DeadLetter, order: Order): Promise<LetterBody | FlowForgeError> {
    const { worker, registry, moves } = this.#parts;
    try {
      if (letter.resolvedAt !== null) return alreadyResolved(letter);
      const wanted = order.kind === "redrive" ? order.version : undefined;
      const { newKey, ...target } = await moves.target(letter, wanted);
      const context = { ...target, registry, limits: worker.table.limits, now: worker.clock.now() };
      return messageOf(letter, newKey && order.kind === "redrive" ? { ...order, newKey } : order, context);
    } catch (error) {
      if (FlowForgeError.is(error)) return error;
      throw error;
    }
  }

  /** Those whose dead letter was resolved by something else than the message that was sent for it, or not at all. */
  async #untaken(sent: readonly Sent[]): Promise<readonly Refusal[]> {
    if (sent.length === 0) return [];
    const { workspace } = sent[0]!.letter;
    const ids = sent.map(({ letter }) => letter.id);
    const { items } = await this.#parts.store.deadLetters({ workspace, ids, limit: ids.length });
    const now = new Map(items.map((letter) => [letter.id, letter]));
    const untaken = sent.filter(({ letter, id }) => now.get(letter.id)?.resolutionId !== id);
    return Promise.all(
      untaken.map(async (order) => ({
        letter: order.letter,
        error: await this.#whyNot(now.get(order.letter.id) ?? order.letter, order),
      })),
    );
  }

  async #whyNot(letter: DeadLetter, { id, version }: Sent): Promise<FlowForgeError> {
    if (letter.resolvedAt !== null) return alreadyResolved(letter);
    const refused = version === undefined ? null : await this.#parts.moves.refusal(letter, version);
    if (refused) return refused;
    const [run] = await this.#parts.store.load([{ runId: letter.runId, since: Number.MAX_SAFE_INTEGER }]);
    if (!run) return notFound(letter.id, letter.workspace);
    if (run.header.cancelled) return notTaken(letter, "a run that was cancelled");
    if (version !== undefined && !run.inbox.some((message) => message.id === id))
      return notTaken(letter, `a run that could not go on with version ${version} when it came to it`);
    return notTaken(letter, "a run that has not been decided yet; it has the message, and will be");
  }

  async #one(workspace: string, id: string): Promise<DeadLetter | null> {
    const { items } = await this.#parts.store.deadLetters({ workspace, ids: [id], limit: 1 });
    return items[0] ?? null;
  }
}

interface Call {
  readonly order: Order;
  readonly options: InWorkspace;
  readonly schema: typeof redriveSchema;
  /** What the host called. */
  readonly call: string;
}

/** What else was chosen, but for inputs and outputs. */
function choicesOf(order: Order): JsonObject {
  if (order.kind !== "redrive") return {};
  const { newKey, force, version, input } = order;
  return { newKey, force, edited: input !== undefined, version: version ?? null };
}

function notFound(id: string, workspace: string): FlowForgeError {
  return new FlowForgeError("dead_letter_not_found", {
    subject: `dead letter ${id.slice(0, 80)} in workspace "${workspace}"`,
    next: "Check the id and the workspace; deadLetters.list() shows what there is.",
  });
}
