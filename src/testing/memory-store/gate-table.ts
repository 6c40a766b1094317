/** Who has a place at the gate of its workflow, and who waits for one. */
import type { CommitEntry } from "../../core/ports/commit.ts";
import type { Admitted, GateRef, GateStore, GateWrite } from "../../core/ports/gates.ts";
import { assertText } from "./commit-entry.ts";
import type { MemoryMessage, MemoryRun, Tables } from "./tables.ts";

interface Place {
  readonly run: MemoryRun;
  readonly limit: number;
  readonly onLimit: string;
  /** Since when, or from when on, it waits. */
  readonly at: number;
  admitted: boolean;
  /** It was told to end. */
  told: boolean;
}

export class GateTable {
  readonly #tables: Tables;
  /** By gate and by run. */
  readonly #gates = new Map<string, { readonly ref: GateRef; readonly places: Map<string, Place> }>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** There is no place for this start. */
  isFull({ gate }: CommitEntry, now: number): boolean {
    if (gate?.type !== "enter" || gate.as !== "take") return false;
    const places = this.#at(gate);
    const waits = places.some((place) => !place.admitted && place.at <= now);
    return waits || places.filter(({ admitted }) => admitted).length >= gate.limit;
  }

  assertWritable(gate: GateWrite | undefined): void {
    if (gate?.type === "enter")
      for (const text of [gate.workspace, gate.workflow, gate.key]) assertText(text);
  }

  forget(runId: string): void {
    for (const [text, { places }] of this.#gates)
      if (places.delete(runId) && places.size === 0) this.#gates.delete(text);
  }

  /** A run that ends in the commit that starts it leaves at once. */
  write({ gate, runId, finished }: CommitEntry, run: MemoryRun, now: number): void {
    if (!gate) return;
    if (gate.type === "leave") this.forget(runId);
    else if (!finished) {
      const { workspace, workflow, key, limit, onLimit, as, at = now } = gate;
      const text = textOf(gate);
      const found = this.#gates.get(text) ?? { ref: { workspace, workflow, key }, places: new Map() };
      this.#gates.set(text, found);
      found.places.set(runId, { run, limit, onLimit, at, admitted: as !== "wait", told: false });
    }
  }

  runsAt(gates: readonly GateRef[]): readonly string[] {
    return gates.flatMap((gate) => this.#at(gate).map(({ run }) => run.header.id));
  }

  admit(gates: readonly GateRef[], now: number): Admitted {
    return { told: gates.flatMap((gate) => this.#admitAt(gate, now)), busy: [] };
  }

  waiting({ after, limit }: Parameters<GateStore["waitingGates"]>[0], now: number): readonly GateRef[] {
    const from = after === undefined ? "" : textOf(after);
    return [...this.#gates]
      .filter(([text, { places }]) => {
        return text > from && [...places.values()].some((place) => !place.admitted && place.at <= now);
      })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([, { ref }]) => ref);
  }

  #admitAt(gate: GateRef, now: number): readonly string[] {
    const places = this.#at(gate)
      .filter((place) => place.admitted || place.at <= now)
      .sort((a, b) => a.at - b.at || (a.run.header.id < b.run.header.id ? -1 : 1));
    const last = places.findLast((place) => !place.admitted);
    if (!last) return [];
    const told: string[] = [];
    const tell = (place: Place, kind: "admitted" | "cancel"): void => {
      told.push(place.run.header.id);
      this.#send(place.run, kind, now);
    };
    const staying = places.filter((place) => !place.told);
    const tooMany = last.onLimit === "cancelOldest" ? Math.max(0, staying.length - last.limit) : 0;
    for (const place of staying.splice(0, tooMany)) {
      place.told = true;
      tell(place, "cancel");
    }
    let free = last.limit - places.filter(({ admitted }) => admitted).length;
    for (const place of staying) {
      if (place.admitted || free-- <= 0) continue;
      place.admitted = true;
      tell(place, "admitted");
    }
    return told;
  }

  #send(run: MemoryRun, kind: "admitted" | "cancel", now: number): void {
    const id = `concurrency/${kind}/${run.header.seq}`;
    const message: MemoryMessage = { id, kind, receivedAt: now, kept: false, body: JSON.stringify({ kind }) };
    run.inbox.set(id, message);
    run.header = Object.freeze({ ...run.header, seq: run.header.seq + 1 });
    this.#tables.noteInbox(run);
  }

  #at(gate: GateRef): readonly Place[] {
    return [...(this.#gates.get(textOf(gate))?.places.values() ?? [])];
  }
}

function textOf({ workspace, workflow, key }: GateRef): string {
  return JSON.stringify([workspace, workflow, key]);
}
