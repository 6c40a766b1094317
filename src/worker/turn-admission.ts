/**
 * The part of a turn that keeps to the limits of the run's workspace: what may begin, what goes to the queue, and what stays in line.
 *
 * Allowances are spent with the decision and given back where it is undone. A node that begins in the place of one that ends needs no
 * place of its own.
 */
import { TurnDraft } from "./turn-draft.ts";

export class TurnAdmission extends TurnDraft {
  /** Nodes that may not begin now. */
  protected readonly overLimit: Set<number> = new Set();
  #begun = 0;
  #placed = 0;
  #queueTaken = 0;
  #queueLeft = 0;
  #hasAsked = false;

  override undo(): void {
    super.undo();
    this.context.admission?.gauge.undo(this.#begun, this.#placed);
    this.context.admission?.undoQueueRoom(this.#queueTaken);
  }

  /** The turn is durable, or there was nothing to do: what ended has left its place. */
  done(): void {
    this.context.admission?.gauge.end(this.freed);
    this.context.admission?.leaveQueue(this.#queueLeft);
  }

  /** For how many node runs it is worth asking for allowances. 0: none. Asked once: what is not there then is not there. */
  protected lacking(count: number): number {
    const { admission, workshop } = this.context;
    if (!admission || !workshop || count === 0 || this.#hasAsked) return 0;
    if (!admission.gauge.lacks(count, Math.max(0, this.freed))) return 0;
    this.#hasAsked = true;
    return count;
  }

  protected mayBegin(index: number): boolean {
    const { admission, isStart = false } = this.context;
    if (!admission) return true;
    // What has begun goes on; a run that is new comes after those that wait.
    const isLate = isStart && admission.hasLine;
    if (!isLate && admission.gauge.mayBegin(this.freed > 0)) return true;
    this.overLimit.add(index);
    return false;
  }

  protected spend(): void {
    const reused = this.freed > 0;
    this.context.admission?.gauge.begin(reused);
    this.#begun++;
    if (reused) this.freed--;
    else this.#placed++;
  }

  /** The node is in the queue no longer. */
  protected leaveQueue(): void {
    this.#queueLeft++;
  }

  /** To the queue, where it may go there; else it waits in line. */
  protected handOn(index: number): void {
    if (this.node(index).status !== "ready" || this.context.deferred) return;
    if (!this.enqueue(index)) this.held.add(index);
  }

  /** `false`: there is no room in the queue. */
  protected enqueue(index: number): boolean {
    const before = this.node(index);
    if (this.overLimit.has(index)) return false;
    if (this.context.admission?.takeQueueRoom() === false) return false;
    this.#queueTaken++;
    this.apply({ type: "enqueued", node: index });
    if (this.node(index) !== before) this.enqueued.add(index);
    return true;
  }
}
