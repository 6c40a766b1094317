/**
 * The part of a turn that stands before the reducer: events go in, and what its commands say is written down as what the
 * turn will have to commit.
 */
import type { Json } from "../core/json.ts";
import type { ActionKeyRef, ActionKeyState } from "../core/ports/action-keys.ts";
import { type Advance, apply, closeDraft, type Draft, openDraft } from "../core/run/advance.ts";
import type { Command } from "../core/run/command.ts";
import type { ErrorRecord, Event, RunEvent } from "../core/run/event.ts";
import type { NodeState, RunState } from "../core/run/state.ts";
import { sizeOf } from "../core/values.ts";
import { errorOf, type Failure, isFailure } from "./intent.ts";
import type { RenderContext } from "./prepare.ts";
import { LARGE_BYTES } from "./large-outputs.ts";
import { noRoom } from "./run-size.ts";
import { hasKeys, TurnKeys } from "./turn-keys.ts";
import type { TurnContext } from "./turn-context.ts";
import { NO_ITEM, TurnResult } from "./turn-result.ts";

export class TurnDraft extends TurnResult {
  protected readonly context: TurnContext;
  readonly #before: RunState;
  readonly #draft: Draft;
  /** Of nodes that share one with other runs. */
  protected readonly keys: TurnKeys;
  protected readonly rendering: RenderContext;
  readonly #learned: string[] = [];
  /** Nodes that became ready and are neither claimed nor handed over yet. */
  protected ready: number[] = [];
  protected outputNode: number | null = null;
  /** Executions that ended with this turn, and in whose place nothing goes on yet. */
  protected freed = 0;

  constructor(context: TurnContext, state: RunState) {
    super();
    this.context = context;
    this.#before = state;
    this.#draft = openDraft(context.plan, state);
    this.rendering = {
      plan: context.plan,
      data: context.data,
      limits: context.limits,
      node: (index) => this.node(index),
    };
    this.keys = new TurnKeys(context, this.rendering);
  }

  close(): Advance {
    const advance = closeDraft(this.#draft);
    if (hasKeys(this.context.plan)) this.actionKeys = this.keys.writes(this.#before, advance, this.values);
    return advance;
  }

  /** What the store says of keys that were missing. */
  learnKeys(refs: readonly ActionKeyRef[], states: readonly (ActionKeyState | null)[]): void {
    this.keys.learn(refs, states);
  }

  /** The commit was refused: forget what this turn put into the run's data. */
  undo(): void {
    for (const id of this.#learned) {
      this.context.data.outputs.delete(id);
      this.context.data.errors.delete(id);
    }
  }

  /** `null`: the run has room for so many bytes more. */
  protected noRoom(index: number, value: "input" | "output", bytes: number): ErrorRecord | null {
    const node = this.context.plan.nodes[index]!;
    const what = node.kind === "output" ? "the output of the run" : `the ${value} of node "${node.id}"`;
    return noRoom({ what, bytes, used: this.context.bytes + this.added }, this.context.limits);
  }

  protected add(bytes: number): void {
    this.bytes += bytes;
    this.added += bytes;
  }

  protected addOutput(index: number, bytes: number): void {
    this.add(bytes);
    if (bytes > LARGE_BYTES) this.large.push(this.context.plan.nodes[index]!.id);
  }

  protected node(index: number): NodeState {
    return this.#draft.node(index);
  }

  protected apply(event: RunEvent): readonly Command[] {
    const commands = apply(this.#draft, event, this.context.now());
    for (const command of commands) this.#obey(command);
    return commands;
  }

  #obey(command: Command): void {
    switch (command.type) {
      case "dispatch":
        this.ready.push(command.node);
        break;
      case "retryNow":
        // The next attempt goes on in the place of the failed one.
        this.places--;
        this.freed--;
        this.retries.push(command);
        break;
      case "schedule":
        this.due.set(command.node, command.delayMs === null ? null : { inMs: command.delayMs });
        break;
      case "record":
        if (!command.error) this.value(command.node).output = command.output;
        this.value(command.node).error = command.error;
        this.remember(command.node, command.output, command.error);
        break;
      case "deadLetter":
        this.deadLetters.push(command);
        this.value(command.node).error = command.error;
        break;
      case "abort":
        this.aborts.push(command.node);
        break;
      case "openMap":
        this.opened.add(command.node);
        break;
      case "openChild":
      case "cancelChild":
        this.children.push(command);
        break;
      case "renderOutput":
        this.outputNode = command.node;
        break;
      case "dropMessage":
        this.consumed.push(command.id);
        break;
      case "keepMessage":
      case "finish":
        // Answered by `takeMessage`, and by the state's own status.
        break;
    }
  }

  protected takeEvent(event: RunEvent, possiblyDuplicated = false): boolean {
    if (!("node" in event)) {
      this.apply(event);
      return true;
    }
    if (event.type === "childEnded") return this.takeChildEnd(event);
    const before = this.node(event.node);
    // A value is known before the reducer runs, because what becomes ready in the same turn may read it.
    this.#learn(event, before);
    const commands = this.apply(event);
    if (this.node(event.node) === before) return false;
    if (possiblyDuplicated) this.duplicated.add(event.node);
    if (isFailure(event)) this.#recordAttempt(event, before, commands);
    if (event.type === "givenBack" && event.delayMs !== null)
      this.due.set(event.node, { inMs: event.delayMs });
    const parked = parkingOf(event);
    if (parked && this.node(event.node).status === "ready") {
      this.due.set(event.node, { inMs: parked.delayMs });
      this.parked.push({ node: event.node, by: parked.by });
    }
    return true;
  }

  #learn(event: RunEvent & { node: number }, before: NodeState): void {
    const ended = event.type === "succeeded" && before.fence === event.fence && before.status === "running";
    const supplied = event.type === "completed" && event.item === undefined && before.failure === "open";
    if (!ended && !supplied) return;
    if (this.context.plan.nodes[event.node]!.kind === "output") this.output = event.output;
    this.value(event.node).output = event.output;
    this.remember(event.node, event.output, null);
  }

  /** What ended the node may be more than this attempt: then that is its error. */
  #recordAttempt(event: Failure, before: NodeState, commands: readonly Command[]): void {
    const node = this.context.plan.nodes[event.node]!;
    const error = commands.map((command) => errorOf(command, event.node)).find(Boolean) ?? event.error;
    this.value(event.node).error = error;
    this.remember(event.node, null, error);
    const { fence, attempt } = before;
    this.attempts.push({ node: node.id, item: NO_ITEM, fence, attempt, error: event.error });
  }

  /** `false`: nothing waits for this child. What it gave may have no room here. */
  protected takeChildEnd(event: Event<"childEnded">): boolean {
    const { node, output, status } = event;
    const bytes = sizeOf(output);
    const error = status === "succeeded" ? this.noRoom(node, "output", bytes) : null;
    const before = this.node(node);
    this.apply(error ? { ...event, status: "failed", output: null, error } : event);
    if (this.node(node) === before) return false;
    if (this.node(node).status !== "succeeded") return true;
    this.value(node).output = output;
    this.remember(node, output, null);
    this.addOutput(node, bytes);
    return true;
  }

  protected remember(index: number, output: Json, error: ErrorRecord | null): void {
    const { id } = this.context.plan.nodes[index]!;
    this.#learned.push(id);
    if (error) this.context.data.errors.set(id, error);
    else this.context.data.outputs.set(id, output);
  }
}

/** What parks a node; `null`: this does not. */
function parkingOf(event: RunEvent): Pick<Event<"parked">, "delayMs" | "by"> | null {
  if (event.type === "parked") return event;
  return event.type === "failed" && event.verdict.type === "parked" ? event.verdict : null;
}
