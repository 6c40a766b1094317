/** Deliveries of webhooks. */
import { FlowForgeError } from "../../core/errors.ts";
import {
  type Claim,
  DELIVERY_KEEP_MS,
  type DeliveryDetail,
  type DeliveryFilter,
  type DeliveryKeys,
  type DeliveryPage,
  type DeliveryPlace,
  type DeliveryRecord,
  type NewDelivery,
  type Rejection,
  type WebhookStore,
} from "../../core/ports/webhooks.ts";
import { rowsByWorkspace, type WorkspaceRows } from "./workspace-table.ts";

interface Row extends DeliveryDetail {
  readonly touchedAt: number;
  readonly expiresAt: number;
}

type Place = Pick<DeliveryRecord, "receivedAt" | "id">;

const MAX_LIMIT = 1_000;
const CURSOR = /^(\d+)\.([0-9a-f-]{36})$/;

export class WebhookTable implements WebhookStore {
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly ofWorkspaces: WorkspaceRows = rowsByWorkspace(this.#rows, ({ workspace }) => workspace);

  constructor(now: () => number) {
    this.#now = now;
  }

  async claim(delivery: NewDelivery, runId: string): Promise<Claim> {
    const known = this.#repeat(delivery, delivery);
    if (known) return { claimed: false, known };
    for (const row of this.#holders(delivery, delivery)) this.#rows.delete(row.id);
    this.#add(delivery, { status: "received", runId, reason: null, detail: null });
    return { claimed: true };
  }

  async repeated(place: DeliveryPlace, keys: DeliveryKeys): Promise<DeliveryRecord | null> {
    return this.#repeat(place, keys);
  }

  async accept(id: string): Promise<void> {
    this.#change(id, "received", { status: "accepted", body: null });
  }

  async reject(id: string, { reason, detail }: Rejection): Promise<void> {
    this.#change(id, "received", { status: "rejected", runId: null, reason, detail });
  }

  async refuse(delivery: NewDelivery, { reason, detail }: Rejection, most: number): Promise<void> {
    const { workspace, path, verified } = delivery;
    this.#add(delivery, { status: "rejected", runId: null, reason, detail });
    const alike = [...this.#rows.values()].filter(
      (row) =>
        row.status === "rejected" &&
        row.workspace === workspace &&
        row.path === path &&
        row.verified === verified,
    );
    for (const row of alike.sort(newestFirst).slice(most)) this.#rows.delete(row.id);
  }

  async reopen(ref: Parameters<WebhookStore["reopen"]>[0]): ReturnType<WebhookStore["reopen"]> {
    const row = this.#rows.get(ref.id);
    if (row?.workspace !== ref.workspace || row.status !== "rejected") return "gone";
    if (this.#holders(row, ref.keys).length > 0) return "taken";
    const now = this.#now();
    const times = { touchedAt: now, expiresAt: now + DELIVERY_KEEP_MS };
    const { key, bodyKey } = ref.keys;
    const change = {
      status: "received",
      key,
      bodyKey,
      runId: ref.runId,
      reason: null,
      detail: null,
      ...times,
    } as const;
    this.#change(ref.id, "rejected", change);
    return "reopened";
  }

  async get(workspace: string, id: string): Promise<DeliveryDetail | null> {
    const row = this.#rows.get(id);
    return row?.workspace === workspace ? detailOf(row) : null;
  }

  async page(filter: DeliveryFilter): Promise<DeliveryPage> {
    const { workspace, path, status, cursor, limit } = filter;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw wrongOption("limit", `a whole number from 1 to ${MAX_LIMIT}`);
    const before = cursor === undefined ? null : parseCursor(cursor);
    const found = [...this.#rows.values()]
      .filter((row) => row.workspace === workspace)
      .filter((row) => path === undefined || row.path === path)
      .filter((row) => status === undefined || row.status === status)
      .filter((row) => !before || newestFirst(before, row) < 0)
      .sort(newestFirst);
    const items = found.slice(0, limit).map(recordOf);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? `${last.receivedAt}.${last.id}` : null };
  }

  async unfinished(options: Parameters<WebhookStore["unfinished"]>[0]): Promise<readonly DeliveryDetail[]> {
    const until = this.#now() - options.olderThanMs;
    return [...this.#rows.values()]
      .filter((row) => row.status === "received" && row.touchedAt < until)
      .sort((a, b) => a.touchedAt - b.touchedAt)
      .slice(0, options.limit)
      .map((row) => detailOf(this.#put({ ...row, touchedAt: this.#now() })));
  }

  async expire(limit: number): Promise<number> {
    const now = this.#now();
    const over = [...this.#rows.values()].filter((row) => row.status !== "received" && row.expiresAt <= now);
    const gone = over.sort((a, b) => a.expiresAt - b.expiresAt).slice(0, limit);
    for (const row of gone) this.#rows.delete(row.id);
    return gone.length;
  }

  #repeat(place: DeliveryPlace, keys: DeliveryKeys): DeliveryRecord | null {
    const now = this.#now();
    const holding = this.#holders(place, keys).filter(
      (row) => row.status === "received" || row.expiresAt > now,
    );
    const counted = holding.map((row) => this.#put({ ...row, repeats: row.repeats + 1 }));
    const found = counted.find(({ key }) => key !== null && key === keys.key) ?? counted[0];
    return found ? recordOf(found) : null;
  }

  #holders({ workspace, path }: DeliveryPlace, { key, bodyKey }: DeliveryKeys): readonly Row[] {
    return [...this.#rows.values()].filter(
      (row) =>
        row.status !== "rejected" &&
        row.workspace === workspace &&
        row.path === path &&
        ((key !== null && row.key === key) || (bodyKey !== null && row.bodyKey === bodyKey)),
    );
  }

  #add(delivery: NewDelivery, state: Pick<DeliveryRecord, "status" | "runId" | "reason" | "detail">): void {
    if (this.#rows.has(delivery.id)) throw new Error(`There is a delivery ${delivery.id} already.`);
    const now = this.#now();
    const times = { receivedAt: now, touchedAt: now, expiresAt: now + DELIVERY_KEEP_MS };
    const headers = { ...delivery.headers };
    this.#put({ ...delivery, headers, body: delivery.body.slice(), ...state, repeats: 0, ...times });
  }

  #change(id: string, from: DeliveryRecord["status"], change: Partial<Row>): void {
    const row = this.#rows.get(id);
    if (row?.status === from) this.#put({ ...row, ...change });
  }

  #put(row: Row): Row {
    this.#rows.set(row.id, Object.freeze(row));
    return row;
  }
}

function newestFirst(a: Place, b: Place): number {
  if (a.receivedAt !== b.receivedAt) return b.receivedAt - a.receivedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

function detailOf({ touchedAt: _touched, expiresAt: _expires, ...detail }: Row): DeliveryDetail {
  return { ...detail, body: detail.body?.slice() ?? null };
}

function recordOf(row: Row): DeliveryRecord {
  const { body: _body, ...record } = detailOf(row);
  return record;
}

function parseCursor(cursor: string): Place {
  const match = CURSOR.exec(cursor);
  if (!match) throw wrongOption("cursor", "the cursor of the page before");
  return { receivedAt: Number(match[1]), id: match[2]! };
}

function wrongOption(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: `option "${name}"`,
    expected,
    next: "Correct the call.",
  });
}
