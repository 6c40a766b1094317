/**
 * A second, naive description of how a run advances, to hold the reducer against.
 *
 * It shares no code and no structure with the reducer. All that it keeps of a node is its history, a list of facts; status, fence,
 * attempt and the like are counted out of that list whenever they are asked for. Edges have no counters: after every event the
 * whole graph is looked at again and again until nothing follows from anything any more. Slow, and hard to get wrong.
 */
import type { ErrorRecord, RunEvent } from "../../../src/core/run/event.ts";
import type { KeptMessage, NodeStatus, RunStatus } from "../../../src/core/run/state.ts";
import { endChild, openChild, seeChild } from "./model-children.ts";
import { isAlive, isEnded, isLeft } from "./model-facts.ts";
import { type ModelCommand, OUTPUT } from "./model-ledger.ts";
import { mayHaveDone, overdue, resolveItem, takeMap } from "./model-maps.ts";
import { MessageModel } from "./model-messages.ts";
import { asks, isTimer, lastsMs, outcomesByHand, statusOf, type WaitSpec } from "./model-rules.ts";
import type { NodeSpec } from "./plans.ts";

type EventOf<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

export class Model extends MessageModel {
  fired: string | null = null;
  status: RunStatus = "queued";

  apply(event: RunEvent, now: number): readonly ModelCommand[] {
    this.commands = [];
    this.now = now;
    const node = "node" in event ? this.ids[event.node] : null;
    if (this.status === "succeeded" || node === undefined) return [];
    if (this.fired === null ? event.type !== "started" : event.type === "started") return [];
    this.#take(event, node ?? "");
    if (this.fired === null) return [];
    this.#untilNothingFollows();
    this.#conclude();
    return this.commands;
  }

  #take(event: RunEvent, id: string): void {
    switch (event.type) {
      case "started":
        return this.#start(this.ids[event.trigger], event);
      case "signalled":
        return this.receive({ kind: "signal", ...message(event) });
      case "eventReceived":
        return this.receive({ kind: "event", ...message(event) });
      case "admitted":
        if (this.told(this.fired!).status === "waiting") this.#fire(this.fired!);
        return;
      case "cancelled":
        return this.#cancel(event.compensate);
      case "paused":
        return this.#pause();
      case "resumed":
        return this.#resume();
      case "redriven":
      case "completed":
      case "discarded":
        if (event.item !== undefined) return resolveItem(this, id, { event, unwanted: this.#unwanted(id) });
        if (this.told(id).failure === "open") this.#resolve(event, id);
        return;
      case "enqueued":
        if (this.told(id).status === "ready" && !this.paused) this.note(id, { is: "handed" });
        return;
      case "childEnded":
        return endChild(this, id, { event, unwanted: this.#unwanted(id) });
      default:
        if (this.told(id).fence === event.fence) this.#takeFenced(event, id);
    }
  }

  #takeFenced(event: Extract<RunEvent, { fence: number }>, id: string): void {
    const { status, dueAt, waitingFor, deadlineAt } = this.told(id);
    const startable = ["ready", "queued"].includes(status);
    switch (event.type) {
      case "claimed":
      case "keyHeld":
      case "parked":
        if (!startable || this.paused) return;
        if (this.isLate(id, 0)) return this.giveUpLate(id);
        if (event.type === "claimed") return this.note(id, { is: "claimed", by: event.worker });
        if (event.type === "parked") return this.note(id, { is: "heldBack", due: this.now + event.delayMs });
        return this.enter(id, {
          reason: "key",
          delayMs: Math.min(30_000, (deadlineAt ?? Infinity) - this.now),
        });
      case "requeued":
        if (status === "queued") this.note(id, { is: "handed" });
        return;
      case "givenBack":
        if (status === "queued") this.note(id, { is: "heldBack", due: this.now + (event.delayMs ?? 0) });
        return;
      case "timerFired":
        if (this.paused) return;
        if (id === OUTPUT) return this.#expire();
        if (startable && this.isLate(id, 0)) this.giveUpLate(id);
        else if (waitingFor === "map" && this.isLate(id, 0)) overdue(this, id);
        else if (status === "waiting") this.#due(id);
        else if (status === "ready" && dueAt !== null) this.offer(id);
        return;
      case "mapStarted":
      case "mapEnded":
        return takeMap(this, event, { id, unwanted: this.#unwanted(id) });
      case "childOpened":
        if (status === "running" && waitingFor === null) openChild(this, id, this.#unwanted(id));
        return;
      case "childSeen":
        return seeChild(this, id, this.#unwanted(id));
      default:
        if (status === "running" && waitingFor === null) this.#answered(event, id);
    }
  }

  /** The end of an attempt, whatever it was. */
  #answered(event: EventOf<"succeeded" | "failed" | "released" | "leaseLost">, id: string): void {
    if (event.type === "succeeded") {
      this.outputs.set(id, event.output);
      return this.note(id, { is: "ended", as: "succeeded", outcome: "success" });
    }
    if (id === OUTPUT) {
      if (event.type !== "failed") return;
      this.note(id, { is: "decided" });
      return this.park(id, event.error);
    }
    if (event.type === "released") {
      if (this.#unwanted(id)) return this.cancelNode(id);
      this.note(id, { is: "released" });
      return this.offer(id);
    }
    const { verdict, error } = event;
    if (verdict.type === "outcomeUnknown") return this.park(id, { ...error, class: "outcome_unknown" });
    if (this.#unwanted(id)) return this.cancelNode(id);
    if (verdict.type === "permanent") return this.giveUp(id, error);
    if (verdict.type === "parked") return this.tryInVain(id, verdict.delayMs);
    if (verdict.type === "notYet") return this.tryAfter(id, verdict.afterMs, { refunded: true });
    if (verdict.type === "later") return this.putOff(id, verdict.afterMs);
    return event.type === "failed" ? this.#climb(event, id) : this.#lost(id, error);
  }

  #lost(id: string, error: ErrorRecord): void {
    if (this.told(id).losses === 2) return this.park(id, { ...error, class: "poison" });
    this.note(id, { is: "lost" });
    this.offer(id);
  }

  /** The ladder: what stands on its rung number `attempt` comes next; beyond its end nothing does. */
  #climb({ retry, random, error }: EventOf<"failed">, id: string): void {
    const { attempt } = this.told(id);
    const ladder = [...Array.from({ length: retry.immediate }, () => "now" as const), ...retry.backoffMs];
    const rung = ladder[attempt - 1];
    if (rung === undefined) return this.giveUp(id, error);
    if (rung !== "now") return this.tryAfter(id, Math.round(rung * (1 + random / 10)));
    const delayMs = 100 + Math.floor(900 * random);
    if (this.isLate(id, delayMs)) return this.giveUpLate(id);
    if (this.paused) return this.enter(id, { reason: "retry", delayMs: 0 });
    this.note(id, { is: "again" });
    this.command("retryNow", id, this.told(id).fence, delayMs);
  }

  #start(trigger: string | undefined, event: EventOf<"started">): void {
    const { at = -Infinity, deadlineMs, waitsForRoom = false } = event;
    if (trigger === undefined || this.spec.nodes[trigger]?.kind !== "trigger") return;
    this.fired = trigger;
    const lasts = deadlineMs ?? this.spec.deadline;
    if (lasts !== undefined) this.note(OUTPUT, { is: "bounded", until: Math.max(this.now, at) + lasts });
    for (const id of this.ids) {
      if (id === trigger && at > this.now) {
        this.note(id, { is: "putOff", due: at });
        this.command("schedule", id, at - this.now);
      } else if (id === trigger && waitsForRoom) this.#crowdOut(id);
      else if (id === trigger) this.#fire(id);
      else if (this.spec.nodes[id]?.kind === "trigger")
        this.note(id, { is: "ended", as: "skipped", outcome: null });
    }
  }

  #fire(trigger: string): void {
    this.note(trigger, { is: "ended", as: "succeeded", outcome: "fired" });
  }

  #crowdOut(trigger: string): void {
    this.note(trigger, { is: "crowdedOut" });
    this.command("schedule", trigger, null);
  }

  // ------------------------------------------------------------------ operators

  #cancel(compensate: boolean): void {
    if (this.status === "cancelling" && compensate) this.compensate = true;
    if (this.cancelled || this.compensate) return;
    this.cancelled = true;
    this.compensate = compensate;
    this.paused = false;
    for (const id of this.ids) if (!this.undone.has(id)) this.stop(id);
  }

  /** The run's time is over. */
  #expire(): void {
    if (this.cancelled || this.compensate || !this.isLate(OUTPUT, 0)) return;
    this.cancelled = true;
    this.compensate = this.spec.onFailure === "compensate";
    for (const id of this.ids) if (id !== OUTPUT && !this.undone.has(id)) this.stop(id);
    this.note(OUTPUT, { is: "expired" });
    this.park(OUTPUT, { class: "deadline_exceeded", message: "" });
  }

  /** The run was cancelled, or a race was won by somebody else. */
  #unwanted(id: string): boolean {
    if (this.undone.has(id)) return false;
    return (
      this.cancelled || this.ids.some((join) => this.inbound(join).taken > 0 && this.calledOffBy(id, join))
    );
  }

  #pause(): void {
    if (this.paused || this.cancelled || this.compensate || this.status === "failed") return;
    this.paused = true;
    for (const id of this.ids) if (this.told(id).status === "queued") this.note(id, { is: "offered" });
    if (this.told(OUTPUT).status === "running") this.note(OUTPUT, { is: "withdrawn" });
  }

  #resume(): void {
    if (!this.paused) return;
    this.paused = false;
    const held = this.ids.filter((id) => isAlive(this.told(id)) && this.told(id).status !== "running");
    const before = new Map(held.map((id) => [id, this.told(id).status]));
    for (const kept of this.kept) {
      if (!this.kept.includes(kept) || !this.deliver(kept)) continue;
      this.use(kept);
      this.#untilNothingFollows();
    }
    const still = (status: NodeStatus): readonly string[] =>
      held.filter((id) => before.get(id) === status && this.told(id).status === status);
    for (const id of still("waiting")) {
      const { dueAt, waitingFor } = this.told(id);
      if (waitingFor === "key" || (dueAt !== null && dueAt <= this.now)) this.#due(id);
    }
    for (const id of this.ids) if (this.told(id).waitingFor === "map") this.command("openMap", id);
    for (const id of still("ready")) this.offer(id);
  }

  #resolve(event: EventOf<"redriven" | "completed" | "discarded">, id: string): void {
    if (event.type === "discarded") return this.note(id, { is: "discarded" });
    if (event.type === "redriven") {
      const undoes = this.undone.has(id);
      if (this.cancelled && !undoes) return;
      this.errors.delete(id);
      this.note(id, { is: "redriven", newKey: event.newKey });
      return undoes ? this.offer(id) : undefined;
    }
    if (this.told(id).outcome === "deadline") return;
    const spec = this.spec.nodes[id];
    if (spec?.kind !== "condition" && spec?.kind !== "wait") {
      this.errors.delete(id);
      this.outputs.set(id, event.output);
      return this.note(id, { is: "ended", as: "succeeded", outcome: "success" });
    }
    const possible = outcomesByHand(spec);
    if (event.outcome === undefined || !possible.includes(event.outcome)) return;
    this.errors.delete(id);
    const output = spec.kind === "condition" ? { outcome: event.outcome } : event.output;
    this.decided(id, event.outcome, output);
  }

  // ------------------------------------------------------------------ what follows

  /** Looks for the first pending node that all edges have reached, decides it, and looks again from the beginning. */
  #untilNothingFollows(): void {
    for (;;) {
      const id = this.ids.find(
        (id) =>
          id !== OUTPUT && !this.undone.has(id) && this.told(id).status === "pending" && this.#reached(id),
      );
      if (id === undefined) return;
      this.#begin(id);
    }
  }

  #reached(id: string): boolean {
    const { open, taken } = this.inbound(id);
    const spec = this.spec.nodes[id]!;
    const first = spec.kind !== "trigger" && (spec.join === "first" || spec.join === "race");
    return open === 0 || (first && taken > 0);
  }

  #begin(id: string): void {
    const spec = this.spec.nodes[id]!;
    const inbound = this.edges.filter((edge) => edge.to === id);
    const taken = inbound.filter((edge) => this.edgeState(edge) === "taken");
    const all = spec.kind !== "trigger" && spec.join === "all";
    if (taken.length === 0 || (all && taken.length < inbound.length))
      return this.note(id, { is: "ended", as: "skipped", outcome: null });
    // A join that is redriven has called the others off before.
    if (this.told(id).fence === 0)
      for (const other of this.ids) if (this.calledOffBy(other, id)) this.stop(other);
    if (spec.kind === "action") {
      if (spec.deadline !== undefined) this.note(id, { is: "bounded", until: this.now + spec.deadline });
      return this.offer(id);
    }
    if (spec.kind === "condition") return this.#judge(id, spec.cases);
    if (spec.kind === "wait") this.#enterWait(id, spec);
  }

  #judge(id: string, cases: Extract<NodeSpec, { kind: "condition" }>["cases"]): void {
    this.note(id, { is: "decided" });
    try {
      for (const [outcome, when] of cases) {
        const answer = when(this.scope());
        if (typeof answer !== "boolean") throw new Error("not a boolean");
        if (answer) return this.decided(id, outcome, { outcome });
      }
      this.decided(id, "else", { outcome: "else" });
    } catch {
      this.failDecided(id, { class: "expression", message: "" });
    }
  }

  #enterWait(id: string, spec: WaitSpec): void {
    const lasts = lastsMs(spec, this.scope(), this.now);
    if (lasts === "never") {
      this.note(id, { is: "decided" });
      return this.failDecided(id, { class: "expression", message: "" });
    }
    const kept = this.paused ? undefined : this.kept.find((one) => asks(spec, one, this.scope()));
    if (kept === undefined)
      return this.enter(id, { reason: isTimer(spec) ? "timer" : "message", delayMs: lasts });
    this.use(kept);
    this.note(id, { is: "decided" });
    this.decided(id, "received", kept.payload);
  }

  /** What a waiting node waited for in vain, or in order to go on, has come. */
  #due(id: string): void {
    const { waitingFor } = this.told(id);
    const spec = this.spec.nodes[id];
    if (spec?.kind === "trigger") return this.#triggerDue(id, waitingFor === "timer");
    if (waitingFor === "child") return this.#isDue(id) ? this.lookAfter(id, this.#unwanted(id)) : undefined;
    if (waitingFor === "retry" || spec?.kind !== "wait") return this.offer(id);
    if (waitingFor === "timer") return this.decided(id, "elapsed", null);
    const handled = this.edges.some((edge) => edge.from === id && edge.on === "timeout");
    if (handled || spec.onTimeout === "skip") return this.decided(id, "timeout", null);
    this.failDecided(id, { class: "wait_timed_out", message: "" });
  }

  #triggerDue(id: string, isTime: boolean): void {
    if (!isTime) return;
    if (this.spec.limited) this.#crowdOut(id);
    else this.#fire(id);
  }

  #isDue(id: string): boolean {
    const { dueAt } = this.told(id);
    return dueAt !== null && dueAt <= this.now;
  }

  /** Undoes one more node, if the run is to be undone and nothing else goes on. */
  #undo(): void {
    const lost =
      this.spec.onFailure === "compensate" && !this.cancelled && this.ids.some((id) => isLeft(this.told(id)));
    if (this.paused || this.ids.some((id) => isAlive(this.told(id))) || !(this.compensate || lost)) return;
    this.compensate = true;
    for (const id of this.ids) {
      const told = this.told(id);
      if (this.undone.has(id)) continue;
      if (told.status === "pending") this.cancelNode(id);
      if (isLeft(told)) this.note(id, { is: "closed" });
    }
    const left = [...this.undone].filter(([, node]) => mayHaveDone(this, node));
    const [next] = left.find(([id]) => !isEnded(this.told(id)) || isLeft(this.told(id))) ?? [];
    if (next !== undefined && this.told(next).status === "pending") this.offer(next);
  }

  #conclude(): void {
    this.#undo();
    const others = this.ids.slice(0, -1).flatMap((id) => (this.undone.has(id) ? [] : [this.told(id)]));
    const allDone = others.every((told) => isEnded(told) && !isLeft(told));
    const mayRender = !this.paused && !this.cancelled && !this.compensate;
    if (allDone && mayRender && this.told(OUTPUT).status === "pending") {
      this.note(OUTPUT, { is: "rendering" });
      this.command("renderOutput", OUTPUT);
    }
    const before = this.status;
    this.status = statusOf({
      cancelled: this.cancelled,
      compensate: this.compensate,
      undoing: [...this.undone.keys()].map((id) => this.told(id)),
      paused: this.paused,
      nodes: this.ids.map((id) => this.told(id)),
      output: this.told(OUTPUT),
    });
    if (this.status !== before && this.status === "failed" && this.told(OUTPUT).deadlineAt !== null)
      this.note(OUTPUT, { is: "bounded", until: null });
    if (this.status !== before && ["succeeded", "failed", "cancelled"].includes(this.status))
      this.commands.push(`finish ${this.status}`);
  }
}

function message(event: EventOf<"signalled" | "eventReceived">): Omit<KeptMessage, "kind"> {
  const { id, name, payload, receivedAt } = event;
  return { id, name, payload, receivedAt };
}
