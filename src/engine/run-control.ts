/**
 * What reaches runs from outside: cancel, pause, resume and signals. Each is a message in the run's inbox, durable before
 * anybody acts on it; then this process decides the run at once. Where it cannot, the sweeper of any process finds the message.
 */
import { randomUUID } from "node:crypto";
import { FlowForgeError } from "../core/errors.ts";
import type { AppendResult, InboxMessage, MessageBody } from "../core/ports/message.ts";
import type { Store } from "../core/ports/store.ts";
import type { StoredRun } from "../core/ports/stored-run.ts";
import type { RunStatus } from "../core/run/state.ts";
import type { RunTable } from "../worker/run-table.ts";
import { BulkCount, type BulkResult } from "./bulk-result.ts";
import {
  type CancelOptions,
  bulkCancelSchema,
  cancelSchema,
  inWorkspaceSchema,
  runFilter,
  type RunQuery,
  workspaceOf,
} from "./call-options.ts";
import { checkOptions } from "./check-options.ts";
import { checkedValue } from "./checked-value.ts";
import { messageSize, runTooLarge } from "./message-size.ts";
import { assertMessageName, messageSchema, type MessageOptions } from "./message-options.ts";

/** Runs that one statement writes to. */
const PAGE = 500;

export interface RunControlParts {
  readonly store: Store;
  readonly table: RunTable;
}

/** Whom a message is for, and the call that sends it. */
export interface Target {
  readonly runId: string;
  readonly workspace: string;
}

type Operation = "cancel" | "pause" | "resume";

const UNDER_WAY = ["queued", "running", "waiting"] as const;

/** Whom an order to many is for, where the filter does not say. */
const CONCERNED: Readonly<Record<Operation, readonly RunStatus[]>> = {
  cancel: [...UNDER_WAY, "paused"],
  pause: UNDER_WAY,
  resume: ["paused"],
};

export class RunControl {
  readonly #parts: RunControlParts;

  constructor(parts: RunControlParts) {
    this.#parts = parts;
  }

  /** Resolves when the run was decided with it, or can be by any process. */
  operate(kind: Operation, runId: string, options: CancelOptions): Promise<void>;
  operate(kind: Operation, which: string | RunQuery, options: CancelOptions): Promise<void | BulkResult>;
  operate(kind: Operation, which: string | RunQuery, options: CancelOptions): Promise<void | BulkResult> {
    return typeof which === "string" ? this.#one(kind, which, options) : this.#many(kind, which, options);
  }

  async #one(kind: Operation, runId: string, options: CancelOptions): Promise<void> {
    const schema = kind === "cancel" ? cancelSchema : inWorkspaceSchema;
    const workspace = workspaceOf(options, `runs.${kind}`, schema);
    const message = { runId, workspace, id: `${kind}/${randomUUID()}`, body: bodyOf(kind, options) };
    const result = await this.#send(message);
    if (result !== "finished_run") return this.look(runId);
    const status = await this.#status({ runId, workspace });
    if (kind !== "cancel" || status !== "cancelled") throw runFinished(runId, status);
  }

  /** A page at a time, from the newest on. Where it breaks off, the same call goes on with what is left. */
  async #many(kind: Operation, query: RunQuery, options: CancelOptions): Promise<BulkResult> {
    if (kind === "cancel") checkOptions(bulkCancelSchema, options, "runs.cancel");
    const body = bodyOf(kind, options);
    const filter = { status: CONCERNED[kind], ...runFilter(query, `runs.${kind}`) };
    const { store } = this.#parts;
    const count = new BulkCount();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await store.runs({ ...filter, limit: PAGE, ...(cursor ? { cursor } : {}) });
      const results = await store.append(
        page.items.map(({ id }) => ({ runId: id, id: `${kind}/${randomUUID()}`, body })),
      );
      const stored = page.items.filter((_, index) => results[index] === "stored");
      await Promise.all(stored.map(({ id }) => this.look(id)));
      count.add(stored.length);
      for (const [index, { id, status, workspace }] of page.items.entries()) {
        if (results[index] === "unknown_run") count.refuse(id, runNotFound({ runId: id, workspace }));
        if (results[index] === "finished_run") count.refuse(id, runFinished(id, status));
      }
      cursor = page.cursor;
    }
    return count.result;
  }

  async signal(
    runId: string,
    signal: { readonly name: string; readonly payload: unknown; readonly options: MessageOptions },
  ): Promise<{ readonly repeated: boolean }> {
    const { name, payload, options } = signal;
    const workspace = workspaceOf(options, "runs.signal", messageSchema);
    const values = this.#values(name, payload);
    const message = { runId, workspace, id: `signal/${options.id ?? randomUUID()}`, ...values };
    const result = await this.#send(message);
    if (result === "finished_run") throw runFinished(runId, await this.#status(message));
    if (result === "full") {
      const { bytes } = await this.#load(message);
      throw runTooLarge(message, `the payload of signal "${name}"`, bytes);
    }
    void this.look(runId);
    return { repeated: result === "repeated" };
  }

  /** Decides the run here, with whatever its inbox holds. */
  async look(runId: string): Promise<void> {
    await this.#parts.table.submit(runId, { type: "look" });
  }

  #values(name: string, payload: unknown): Pick<InboxMessage, "body" | "size"> {
    const { limits } = this.#parts.table;
    assertMessageName("signal", name);
    const value = checkedValue(payload, limits, `the payload of signal "${name}"`);
    return { body: { kind: "signal", name, payload: value }, ...messageSize(value, limits) };
  }

  async #send(message: InboxMessage & Target): Promise<AppendResult> {
    const [result] = await this.#parts.store.append([message]);
    if (result === "unknown_run") throw runNotFound(message);
    return result!;
  }

  async #status(target: Target): Promise<RunStatus> {
    return (await this.#load(target)).header.status;
  }

  async #load({ runId, workspace }: Target): Promise<StoredRun> {
    const [run] = await this.#parts.store.load([{ runId, since: Number.MAX_SAFE_INTEGER }]);
    if (!run) throw runNotFound({ runId, workspace });
    return run;
  }
}

function bodyOf(kind: Operation, { compensate }: CancelOptions): MessageBody {
  return kind === "cancel" && compensate === true ? { kind, compensate } : { kind };
}

export function runNotFound({ runId, workspace }: Target): FlowForgeError {
  return new FlowForgeError("run_not_found", {
    subject: `run ${runId} in workspace "${workspace}"`,
    next: "Check the id and the workspace; runs that finished long ago are deleted by retention.",
  });
}

export function runFinished(runId: string, status: RunStatus): FlowForgeError {
  return new FlowForgeError("run_finished", {
    subject: `run ${runId}`,
    received: `a run that is ${status}`,
    next:
      status === "failed"
        ? "Redrive, complete or discard its dead letters; then it goes on."
        : "It does not go on; start another one, or rerun it.",
  });
}
