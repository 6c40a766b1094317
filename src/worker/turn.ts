/**
 * One turn of a run: what has happened since the last commit goes through the reducer, and what became ready is claimed here
 * as far as there is room, or handed to the queue. The result is one commit entry and what to do once it is durable.
 * A turn changes nothing outside itself; when its commit is refused, it is undone and another is made on the newer state.
 */
import type { RegisteredAction } from "../actions/registry.ts";
import type { BreakerKey } from "../core/breaker/key.ts";
import { isCompensation, type PlanAction } from "../core/graph/plan.ts";
import type { Json } from "../core/json.ts";
import type { StoredMessage } from "../core/ports/message.ts";
import type { ErrorRecord, RunEvent } from "../core/run/event.ts";
import type { NodeState } from "../core/run/state.ts";
import { sizeOf } from "../core/values.ts";
import {
  type Intent,
  isEnd,
  isFromLine,
  type LetterBody,
  letterEvent,
  messageEvent,
  itemChange,
  movesTo,
  type Pending,
  permanently,
} from "./intent.ts";
import {
  acceptInput,
  makeList,
  missingOutputs,
  type Prepared,
  prepareInput,
  readBy,
  render,
} from "./prepare.ts";
import { isReport, reportEvent } from "./reports.ts";
import { parkMs, returnMs } from "./retry-pause.ts";
import { TurnAdmission } from "./turn-admission.ts";
import type { KeyDecision } from "./turn-keys.ts";
import { type Missing, NO_ITEM } from "./turn-result.ts";

export class Turn extends TurnAdmission {
  /** Claims that tasks asked for, by node. */
  readonly #asked = new Map<number, Pending>();

  /** Takes up the inbox and the intents, in this order. */
  begin(messages: readonly StoredMessage[], pendings: readonly Pending[]): void {
    for (const message of messages) this.#takeMessage(message);
    for (const pending of pendings) this.#takePending(pending);
  }

  /** Claims, hands over and renders until nothing is left. Returns what is not here: the caller gets it and calls again. `null`: done. */
  proceed(): Missing | null {
    for (;;) {
      const missing = this.#missing();
      if (missing) return missing;
      const asked = this.#asked.entries().next().value;
      if (asked) this.#claimAsked(...asked);
      else if (this.outputNode !== null) this.#renderOutput();
      else if (this.ready.length > 0) this.#shareOut();
      else return null;
    }
  }

  // ------------------------------------------------------------------ taking up

  #takeMessage(message: StoredMessage): void {
    const { id, body } = message;
    if (isReport(body)) {
      this.consumed.push(id);
      const event = reportEvent(body, this.context);
      if (event) this.takeEvent(event);
      return;
    }
    if ("fence" in body) {
      this.consumed.push(id);
      return this.#takeLetter(id, body);
    }
    const commands = this.apply(messageEvent(message, body));
    if (commands.some((command) => command.type === "keepMessage" && command.id === message.id))
      this.kept.push(message.id);
    else this.consumed.push(message.id);
  }

  /**
   * A message for another fence is about a dead letter that is resolved already; one for another version came to a run that cannot go
   * on with that.
   */
  #takeLetter(id: string, body: LetterBody): void {
    const index = this.context.plan.indexOf.get(body.node);
    if (index === undefined) return;
    if (movesTo(body) !== null && movesTo(body) !== this.context.version) return;
    if (body.item !== NO_ITEM) return this.#takeItemLetter(id, body, index);
    if (this.node(index).fence !== body.fence) return;
    if (!this.takeEvent(this.#letterEvent(body, index))) return;
    this.resolutions.set(index, { id, by: body.by });
    if (body.kind !== "redrive" || body.input === undefined) return;
    this.edits.set(index, { edited: "given", input: body.input });
    this.value(index).input = body.input;
  }

  /** A run that is moved goes on with the redrive that asks for it: the first message of the turn. */
  #letterEvent(body: LetterBody, index: number): RunEvent & { readonly node: number } {
    const event = letterEvent(body, index);
    const isMove = this.context.moved === true && this.consumed.length === 1 && event.type === "redriven";
    return isMove ? { ...event, moved: true } : event;
  }

  /** The store knows the item's fence, and does nothing where the message is for another one. */
  #takeItemLetter(id: string, body: LetterBody, index: number): void {
    const { node, item, fence, by } = body;
    if (!this.takeEvent({ ...letterEvent(body, index), item })) return;
    this.items.push({ node, item, fence, change: itemChange(body), resolution: { id, by } });
  }

  #takePending(pending: Pending): void {
    const { intent } = pending;
    if (pending.place !== null) this.places++;
    if (isEnd(pending)) this.freed++;
    switch (intent.type) {
      case "look":
        this.results.set(pending, "applied");
        return;
      case "event":
        this.results.set(pending, this.#takeResult(pending, intent) ? "applied" : "stale");
        return;
      case "claim":
        this.#takeClaim(pending, intent);
        return;
      default:
        this.results.set(pending, this.#takeReady(intent) ? "applied" : "stale");
    }
  }

  /** An output for which the run has no room is a failure of its node, but for one whose effects are undone where that fails. */
  #takeResult({ commit }: Pending, intent: Extract<Intent, { type: "event" }>): boolean {
    const { event, possiblyDuplicated } = intent;
    if (event.type !== "succeeded") return this.takeEvent(event, possiblyDuplicated);
    const bytes = intent.bytes ?? sizeOf(event.output);
    const { node, fence } = event;
    const error = commit ? null : this.noRoom(node, "output", bytes);
    if (error) return this.takeEvent(permanently({ node, fence, error }));
    if (!this.takeEvent(event)) return false;
    this.addOutput(node, bytes);
    return true;
  }

  /** A task of another version is from before the run went on with this one. */
  #takeClaim(pending: Pending, { node: index, fence, version }: Extract<Intent, { type: "claim" }>): void {
    const node = version === this.context.version ? this.node(index) : null;
    const open = (node?.status === "queued" || node?.status === "ready") && node.fence === fence;
    if (open && !this.#asked.has(index)) this.#asked.set(index, pending);
    else this.results.set(pending, "stale");
  }

  #takeReady(intent: Extract<Intent, { type: "offer" | "resend" | "hold" }>): boolean {
    const node = this.node(intent.node);
    if (node.fence !== intent.fence) return false;
    if (intent.type === "offer") {
      if (node.status !== "ready") return false;
      this.ready.push(intent.node);
      return true;
    }
    if (node.status !== "queued") return false;
    if (intent.type === "hold") {
      this.takeEvent({ type: "givenBack", node: intent.node, fence: intent.fence, delayMs: null });
      this.held.add(intent.node);
      this.leaveQueue();
      return true;
    }
    this.apply({ type: "requeued", node: intent.node, fence: intent.fence });
    this.enqueued.add(intent.node);
    return true;
  }

  // ------------------------------------------------------------------ what became ready

  #claimAsked(index: number, pending: Pending): void {
    this.#asked.delete(index);
    if (this.places > 0 && this.#claim(index)) {
      this.results.set(pending, "applied");
      return;
    }
    const { fence, status, dispatches } = this.node(index);
    const isOver = this.overLimit.has(index);
    if (status === "queued") {
      const delayMs = isOver ? null : this.#returnMs(index, dispatches);
      this.takeEvent({ type: "givenBack", node: index, fence, delayMs });
      if (isOver) this.held.add(index);
      this.leaveQueue();
    } else if (status === "ready" && isFromLine(pending)) {
      // It cannot run here: others find it in the queue.
      this.enqueue(index);
    }
    this.results.set(pending, "refused");
  }

  #returnMs(index: number, dispatches: number): number {
    const { workshop, plan, random } = this.context;
    const node = plan.nodes[index]!;
    const having = (node.kind === "action" && workshop?.having(node.action)) || 0;
    return returnMs({ dispatches, having, random: random() });
  }

  /** Claims this worker's share of the ready nodes, and hands the others over. */
  #shareOut(): void {
    const ready = [...new Set(this.ready)].filter((index) => this.node(index).status === "ready");
    this.ready = [];
    const { workshop } = this.context;
    let most = this.inline;
    if (workshop?.inline) {
      const wanted = Math.min(ready.length, Math.max(workshop.share(ready.length), this.places > 0 ? 1 : 0));
      if (wanted > this.places) this.#take(wanted - this.places);
      most += Math.min(wanted, this.places);
    }
    for (const index of ready) {
      if (this.inline < most && this.#claim(index)) this.inline++;
      else this.handOn(index);
    }
  }

  #take(wanted: number): void {
    const got = this.context.workshop!.take(this.context.workspace, wanted);
    this.taken += got;
    this.places += got;
  }

  /** `false`: this worker may not or cannot take the node. */
  #claim(index: number): boolean {
    const { workshop, plan, registry } = this.context;
    const node = plan.nodes[index]!;
    if (!workshop || node.kind !== "action" || !workshop.lanes.has(node.lane)) return false;
    const action = registry.get(node.action);
    if (!action) return false;
    // Maps and children run nothing themselves.
    if (!node.map && !node.isChild && !this.mayBegin(index)) return false;
    const before = this.node(index);
    const prepared = node.map ? makeList(node.map, action, this.rendering) : this.#prepare(node, action);
    const key = node.key !== null && prepared.ok ? this.keys.decide(node, prepared.value) : null;
    if (key?.type === "later") return false;
    if (key?.type === "held") return this.#waitForKey(index);
    const by = prepared.ok ? this.#refusal(node, action, prepared.value) : null;
    if (by) return this.#park(index, by);
    this.apply({ type: "claimed", node: index, fence: before.fence, worker: workshop.workerId });
    const claimed = this.node(index);
    // The run is paused, or it is too late for the node.
    if (claimed.status !== "running") return false;
    this.due.delete(index);
    if (before.status === "queued") this.leaveQueue();
    if (node.map) this.#startMap(claimed, index, this.#fitting(claimed, node, prepared));
    else if (node.isChild) this.#openChild(claimed, index, this.#fitting(claimed, node, prepared));
    else if (key && key.type !== "own") this.#endByKey(index, key, this.#fitting(claimed, node, prepared));
    else this.#startOrFail({ node, action, claimed, prepared, key: key?.key ?? null });
    return true;
  }

  /** `false`: the run is paused. */
  #waitForKey(index: number): boolean {
    const { fence } = this.node(index);
    this.due.delete(index);
    return this.takeEvent({ type: "keyHeld", node: index, fence });
  }

  /** Items of a map are asked for one by one, when they begin. */
  #refusal(node: PlanAction, action: RegisteredAction, input: Json): BreakerKey | null {
    const { workshop, workspace, plan } = this.context;
    if (node.map) return null;
    return workshop?.refuse?.({ workspace, workflow: plan.document.name, node, action, input }) ?? null;
  }

  /** `false`: the run is paused. */
  #park(index: number, by: BreakerKey): boolean {
    const { fence, status } = this.node(index);
    const delayMs = parkMs(this.context.random());
    if (!this.takeEvent({ type: "parked", node: index, fence, by, delayMs })) return false;
    if (status === "queued") this.leaveQueue();
    return true;
  }

  /** What another node run did under the key is what this one did; or it must not be done under this key. */
  #endByKey(index: number, key: Extract<KeyDecision, { type: "done" | "refused" }>, input: Prepared): void {
    if (!input.ok) return this.#fail(index, input.error);
    this.value(index).input = input.value;
    if (key.type === "refused") return this.#fail(index, key.error);
    const bytes = sizeOf(key.output);
    const error = this.noRoom(index, "output", bytes);
    if (error) return this.#fail(index, error);
    this.takeEvent({ type: "succeeded", node: index, fence: this.node(index).fence, output: key.output });
    this.addOutput(index, bytes);
  }

  /** An input that was given by hand goes through the action's schema once, at its first claim. */
  #prepare(node: PlanAction, action: RegisteredAction): Prepared {
    const edit = this.edits.get(node.index) ?? this.context.edits.get(node.index);
    if (!edit) return prepareInput(node.input, action, this.rendering);
    if (edit.edited === "accepted") return { ok: true, value: edit.input, bytes: 0 };
    const accepted = acceptInput(edit.input, action, this.context.limits);
    if (accepted.ok) this.edits.set(node.index, { edited: "accepted", input: accepted.value });
    return accepted;
  }

  #startOrFail(start: {
    node: PlanAction;
    action: RegisteredAction;
    claimed: NodeState;
    prepared: Prepared;
    key: string | null;
  }): void {
    const { node, action, claimed, prepared, key } = start;
    const input = this.#fitting(claimed, node, prepared);
    if (input.ok) {
      this.places--;
      this.spend();
      this.value(node.index).input = input.value;
      this.claims.push({ ...claimed, node, action, input: input.value, key });
    } else {
      this.#fail(node.index, input.error);
    }
  }

  /**
   * Counts an input once per idempotency key: the next attempts write it in its own place, and one that was given by hand was counted
   * when it was sent. What undoes a run always has room.
   */
  #fitting({ fence, keyFence }: NodeState, node: PlanAction, input: Prepared): Prepared {
    if (!input.ok) return input;
    const { index } = node;
    const isKnown = fence !== keyFence + 1 || this.edits.has(index) || this.context.edits.has(index);
    const error = isKnown || isCompensation(node) ? null : this.noRoom(index, "input", input.bytes);
    if (error) return { ok: false, error };
    if (isKnown) this.bytes += input.bytes;
    else this.add(input.bytes);
    return input;
  }

  /** The list is the node's input. Nothing of it runs in the place that was meant for the node. */
  #startMap({ fence }: NodeState, index: number, list: Prepared): void {
    if (!list.ok) return this.#fail(index, list.error);
    if (list.value === null) {
      this.maps.set(index, "undo");
    } else {
      const total = (list.value as readonly Json[]).length;
      this.value(index).input = list.value;
      if (total === 0) return void this.takeEvent({ type: "succeeded", node: index, fence, output: [] });
      this.maps.set(index, total);
    }
    this.apply({ type: "mapStarted", node: index, fence });
  }

  /** Nor does anything of a child. */
  #openChild({ fence }: NodeState, index: number, input: Prepared): void {
    if (!input.ok) return this.#fail(index, input.error);
    this.value(index).input = input.value;
    this.apply({ type: "childOpened", node: index, fence });
  }

  #renderOutput(): void {
    const index = this.outputNode!;
    this.outputNode = null;
    const node = this.context.plan.nodes[index]!;
    if (node.kind !== "output") return;
    const rendered = render(node.template, this.rendering);
    const error = rendered.ok ? this.noRoom(index, "output", rendered.bytes) : rendered.error;
    if (!rendered.ok || error) {
      this.#fail(index, error!);
      return;
    }
    this.output = rendered.value;
    this.add(rendered.bytes);
    this.apply({ type: "succeeded", node: index, fence: this.node(index).fence, output: rendered.value });
  }

  #fail(index: number, error: ErrorRecord): void {
    this.takeEvent(permanently({ node: index, fence: this.node(index).fence, error }));
  }

  #missing(): Missing | null {
    const { workshop, plan } = this.context;
    const next = workshop ? [...this.#asked.keys(), ...this.ready] : [];
    if (this.outputNode !== null) next.push(this.outputNode);
    const outputs = next.flatMap((index) => missingOutputs(readBy(plan.nodes[index]!), this.rendering));
    if (outputs.length > 0) return { outputs: [...new Set(outputs)], keys: [], allowances: 0 };
    const keys = this.keys.wanted(next);
    if (keys.length > 0) return { outputs, keys, allowances: 0 };
    const allowances = this.lacking(next.length);
    return allowances > 0 ? { outputs, keys, allowances } : null;
  }
}
