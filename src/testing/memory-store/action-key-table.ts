/** Keys of actions: who holds each or what it gave, and who waits for one. */
import type { Json } from "../../core/json.ts";
import {
  type ActionKeyRef,
  type ActionKeyState,
  type ActionKeyWrite,
  KEY_WAITER_MS,
  type KeyOwner,
  type KeyWaiter,
} from "../../core/ports/action-keys.ts";
import { KEY_KEEP_MS } from "../../core/ports/keys.ts";
import { assertText } from "./commit-entry.ts";
import { rowsByWorkspaceKey, type WorkspaceRows } from "./workspace-table.ts";
import { nodeKey, type MemoryRun, type Tables } from "./tables.ts";

interface Row extends KeyOwner {
  readonly state: "held" | "done" | "free";
  readonly key: string;
  readonly fingerprint: string;
  /** JSON text. */
  readonly result: string;
  readonly expiresAt: number;
}

interface Waiter extends KeyWaiter {
  readonly text: string;
  readonly expiresAt: number;
}

type Claim = Extract<ActionKeyWrite, { type: "claim" }>;

export class ActionKeyTable {
  readonly #tables: Tables;
  readonly #rows = new Map<string, Row>();
  readonly ofWorkspaces: WorkspaceRows = rowsByWorkspaceKey(this.#rows);
  /** By node run. */
  readonly #waiters = new Map<string, Waiter>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  state(ref: ActionKeyRef, now: number): ActionKeyState | null {
    const row = this.#rows.get(textOf(ref));
    if (!row || row.state === "free" || this.#isFree(row, now)) return null;
    const { state, runId, node, fingerprint } = row;
    return { state, runId, node, fingerprint, result: JSON.parse(row.result) as Json };
  }

  held({ runId, node }: KeyOwner): string | null {
    const own = [...this.#rows.values()].find(
      (row) => row.state === "held" && row.runId === runId && row.node === node,
    );
    return own?.key ?? null;
  }

  /** Some of these is not as the entry takes it to be. */
  isRefused(runId: string, writes: readonly ActionKeyWrite[], now: number): boolean {
    return writes.some((write) => {
      if (write.type !== "claim" && write.type !== "wait") return false;
      const state = this.state(write, now);
      if (write.type === "wait") return state?.state !== "held";
      return (
        state !== null && !(state.state === "held" && state.runId === runId && state.node === write.node)
      );
    });
  }

  assertWritable(writes: readonly ActionKeyWrite[]): void {
    for (const write of writes)
      if ("key" in write) for (const text of [write.workspace, write.action, write.key]) assertText(text);
  }

  write(run: MemoryRun, writes: readonly ActionKeyWrite[], now: number): void {
    const runId = run.header.id;
    for (const write of writes) {
      if (write.type === "claim") this.#claim(runId, write, now);
      else if (write.type === "wait") {
        const { node, fence } = write;
        const waiter = { runId, node, fence, text: textOf(write), expiresAt: now + KEY_WAITER_MS };
        this.#waiters.set(ownerText(waiter), waiter);
      } else this.#settle(run, write, now);
    }
  }

  takeWaiters(owners: readonly KeyOwner[]): readonly KeyWaiter[] {
    const asked = new Set(owners.map(ownerText));
    return [...this.#waiters].flatMap(([key, waiter]) => {
      const row = this.#rows.get(waiter.text);
      if (!row || row.state === "held" || !asked.has(ownerText(row))) return [];
      this.#waiters.delete(key);
      const { runId, node, fence } = waiter;
      return [{ runId, node, fence }];
    });
  }

  /** What the run held goes to others, and what it gave stays. */
  forget(runId: string): void {
    for (const [key, waiter] of this.#waiters) if (waiter.runId === runId) this.#waiters.delete(key);
  }

  expire(limit: number, now: number): number {
    const due = firstDue(this.#rows, limit, now);
    for (const [text, row] of due) {
      if (this.#isFree(row, now)) this.#rows.delete(text);
      else this.#rows.set(text, { ...row, expiresAt: now + KEY_KEEP_MS });
    }
    const late = firstDue(this.#waiters, limit, now);
    for (const [text] of late) this.#waiters.delete(text);
    return Math.max(due.length, late.length);
  }

  #claim(runId: string, claim: Claim, now: number): void {
    const { node, key, fingerprint } = claim;
    const expiresAt = now + KEY_KEEP_MS;
    this.#rows.set(textOf(claim), {
      state: "held",
      runId,
      node,
      key,
      fingerprint,
      result: "null",
      expiresAt,
    });
  }

  #settle(run: MemoryRun, { node, type }: { node: string; type: "done" | "free" }, now: number): void {
    const isDone = type === "done";
    const output = run.nodes.get(nodeKey({ node, item: -1 }))?.output;
    for (const [text, row] of this.#rows) {
      if (row.state !== "held" || row.runId !== run.header.id || row.node !== node) continue;
      const expiresAt = isDone ? now + KEY_KEEP_MS : now;
      this.#rows.set(text, { ...row, state: type, result: (isDone ? output : null) ?? "null", expiresAt });
    }
  }

  #isFree({ state, runId, expiresAt }: Row, now: number): boolean {
    if (state === "held") return !this.#tables.runs.has(runId);
    return state === "free" || expiresAt <= now;
  }
}

function firstDue<Due extends { readonly expiresAt: number }>(
  rows: ReadonlyMap<string, Due>,
  limit: number,
  now: number,
): readonly (readonly [string, Due])[] {
  return [...rows]
    .filter(([, row]) => row.expiresAt <= now)
    .sort(([, a], [, b]) => a.expiresAt - b.expiresAt)
    .slice(0, limit);
}

function textOf({ workspace, action, key }: ActionKeyRef): string {
  return JSON.stringify([workspace, action, key]);
}

function ownerText({ runId, node }: KeyOwner): string {
  return `${runId} ${node}`;
}
