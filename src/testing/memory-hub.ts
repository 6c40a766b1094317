/** The queue behind memory schedulers: what the server is to the real ones. */
import { FlowForgeError } from "../core/errors.ts";
import type { LaneDepth, Task } from "../core/ports/scheduler.ts";
import { packTask } from "../core/task.ts";

export interface Delivery {
  readonly done: () => void;
  /** The task waits again, before all others. */
  readonly giveBack: () => void;
}

export interface Member {
  readonly lane: string;
  /** How many tasks this member has room for. */
  readonly room: () => number;
  readonly take: (task: Task, delivery: Delivery) => void;
}

interface Entry {
  readonly id: string;
  readonly task: Task;
}

/** What is dispatched to a hub waits there until a consumer of any of its schedulers has room. */
export class MemoryHub {
  readonly #waiting = new Map<string, Entry[]>();
  readonly #active = new Set<Entry>();
  /** Ids of what waits or is in hand, with how often. */
  readonly #held = new Map<string, number>();
  /** In turns: who was served goes to the end. */
  #members: Member[] = [];
  #marked = false;
  #down = false;
  #toLose = 0;
  #toRepeat = 0;
  #wakeAsked = false;

  /** The next tasks to be dispatched are accepted and never come. */
  loseNext(count = 1): void {
    this.#toLose += count;
  }

  /** The next tasks to be dispatched come twice. */
  duplicateNext(count = 1): void {
    this.#toRepeat += count;
  }

  /** Everything is gone, as after FLUSHALL; tasks in hand go on. */
  wipe(): void {
    this.#waiting.clear();
    this.#active.clear();
    this.#held.clear();
    this.#marked = false;
  }

  /** Every question fails with `redis_unreachable`, and nobody gets a task, until `comeBack`. */
  goAway(): void {
    this.#down = true;
  }

  comeBack(): void {
    this.#down = false;
    this.wake();
  }

  mustBeUp(): void {
    if (!this.#down) return;
    const next = "Call comeBack() of the hub.";
    throw new FlowForgeError("redis_unreachable", { subject: "The queue in memory", next });
  }

  /** All or none, as an invalid task is found before anything is stored. */
  add(tasks: readonly Task[]): void {
    for (const [task, { id }] of tasks.map((one) => [one, packTask(one)] as const)) {
      if (this.#toLose > 0) {
        this.#toLose -= 1;
        continue;
      }
      if (this.#held.has(id)) continue;
      const copies = this.#toRepeat > 0 ? 2 : 1;
      this.#toRepeat -= copies - 1;
      this.#held.set(id, copies);
      for (let copy = 0; copy < copies; copy++) this.#lane(task.lane).push({ id, task });
    }
    this.wake();
  }

  depth(lane: string): LaneDepth {
    const waiting = this.#lane(lane);
    const active = [...this.#active].filter(({ task }) => task.lane === lane).length;
    return { waiting: waiting.length, active, oldest: waiting[0]?.task.dispatchedAt ?? null };
  }

  mark(): boolean {
    const there = this.#marked;
    this.#marked = true;
    return there;
  }

  join(member: Member): () => void {
    this.#members.push(member);
    this.wake();
    return () => {
      this.#members = this.#members.filter((one) => one !== member);
    };
  }

  /** Hands out what there is room for, in a microtask, so that nobody is called back inside a call of theirs. */
  wake(): void {
    if (this.#wakeAsked) return;
    this.#wakeAsked = true;
    queueMicrotask(() => {
      this.#wakeAsked = false;
      while (this.#handOutOne());
    });
  }

  #handOutOne(): boolean {
    if (this.#down) return false;
    const member = this.#members.find((one) => one.room() > 0 && this.#lane(one.lane).length > 0);
    const entry = member && this.#lane(member.lane).shift();
    if (!member || !entry) return false;
    this.#members = [...this.#members.filter((one) => one !== member), member];
    this.#active.add(entry);
    member.take(entry.task, {
      done: () => this.#done(entry),
      giveBack: () => this.#giveBack(entry),
    });
    return true;
  }

  /** Nothing is known any more of a task that was wiped, or given back. */
  #done(entry: Entry): void {
    if (!this.#active.delete(entry)) return;
    const left = (this.#held.get(entry.id) ?? 1) - 1;
    if (left > 0) this.#held.set(entry.id, left);
    else this.#held.delete(entry.id);
  }

  #giveBack(entry: Entry): void {
    if (!this.#active.delete(entry)) return;
    this.#lane(entry.task.lane).unshift(entry);
    this.wake();
  }

  #lane(lane: string): Entry[] {
    const known = this.#waiting.get(lane);
    if (known) return known;
    const made: Entry[] = [];
    this.#waiting.set(lane, made);
    return made;
  }
}
