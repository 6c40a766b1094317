/** What the scheduler contract needs of its subject, and the tools of its tests. */
import type { Consumer, LaneDepth, Scheduler, Task } from "../../core/ports/scheduler.ts";

/** A way in which the server can be away. */
export interface Outage {
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface SchedulerFixture {
  /** Another scheduler, unopened, on the queue of this fixture: what another process would have. */
  create(): Scheduler;
  /** Deletes everything in the queue, as FLUSHALL does. */
  wipe(): Promise<void>;
  readonly outages: readonly Outage[];
  dispose(): Promise<void>;
}

export type SchedulerFactory = () => Promise<SchedulerFixture>;
export type UseQueue = (title: string, body: (queue: TestQueue) => Promise<void>) => void;

const WAIT_MS = 40_000;

/** Resolves when the condition holds; a condition that never does is an error that shows the last state. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  state: () => unknown = () => "",
): Promise<void> {
  const endsAt = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > endsAt)
      throw new Error(`the condition did not come true: ${JSON.stringify(state())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A queue with the schedulers and consumers that a test has opened on it; all are closed with it. */
export class TestQueue {
  readonly fixture: SchedulerFixture;
  readonly #schedulers: Scheduler[] = [];
  readonly #recorders: Recorder[] = [];

  constructor(fixture: SchedulerFixture) {
    this.fixture = fixture;
  }

  async open(): Promise<Scheduler> {
    const scheduler = this.fixture.create();
    this.#schedulers.push(scheduler);
    await scheduler.open();
    return scheduler;
  }

  /** A consumer that records what it gets, and holds each task until it is released where `hold` is set. */
  async consume(
    scheduler: Scheduler,
    options: { lane?: string; concurrency?: number; hold?: boolean } = {},
  ): Promise<Recorder> {
    const recorder = new Recorder(options.hold ?? false);
    this.#recorders.push(recorder);
    const { lane = "default", concurrency = 10 } = options;
    recorder.consumer = await scheduler.consume({
      lane,
      concurrency,
      handle: (task) => recorder.handle(task),
    });
    return recorder;
  }

  async dispose(): Promise<void> {
    for (const recorder of this.#recorders) recorder.releaseAll();
    for (const scheduler of this.#schedulers) await scheduler.close();
    await this.fixture.dispose();
  }
}

export class Recorder {
  readonly tasks: Task[] = [];
  readonly #hold: boolean;
  #held: (() => void)[] = [];
  /** Tasks in hand now, and at most. */
  inHand = 0;
  peak = 0;
  #consumer: Consumer | null = null;
  #released = false;

  constructor(hold: boolean) {
    this.#hold = hold;
  }

  get consumer(): Consumer {
    if (this.#consumer === null) throw new Error("the consumer is not there yet");
    return this.#consumer;
  }

  set consumer(consumer: Consumer) {
    this.#consumer = consumer;
  }

  get nodes(): string[] {
    return this.tasks.map(({ node }) => node);
  }

  async handle(task: Task): Promise<void> {
    this.tasks.push(task);
    this.inHand += 1;
    this.peak = Math.max(this.peak, this.inHand);
    if (this.#hold && !this.#released) await new Promise<void>((resolve) => this.#held.push(resolve));
    this.inHand -= 1;
  }

  /** Lets the task end that has been in hand for the longest time. */
  release(): void {
    this.#held.shift()?.();
  }

  /** Lets all end, and those that are still to come. */
  releaseAll(): void {
    this.#released = true;
    for (const release of this.#held.splice(0)) release();
  }

  async count(count: number): Promise<void> {
    await eventually(
      () => this.tasks.length >= count,
      () => this.nodes,
    );
  }
}

let runs = 0;

/** A task that was never there before. */
export function someTask(changes: Partial<Task> = {}): Task {
  runs += 1;
  return {
    runId: `00000000-0000-4000-8000-${String(runs).padStart(12, "0")}`,
    node: `n${runs}`,
    item: -1,
    fence: 0,
    dispatches: 1,
    lane: "default",
    workspace: "default",
    workflow: "checkout",
    version: 3,
    dispatchedAt: 1_700_000_000_000 + runs,
    ...changes,
  };
}

export function someTasks(count: number, changes: Partial<Task> = {}): Task[] {
  return Array.from({ length: count }, () => someTask(changes));
}

/** Waits until a lane has these numbers of tasks. */
export async function depthIs(scheduler: Scheduler, lane: string, wanted: Partial<LaneDepth>): Promise<void> {
  let last: LaneDepth | undefined;
  const matches = async (): Promise<boolean> => {
    const found = await scheduler.depth(lane);
    last = found;
    return (["waiting", "active", "oldest"] as const).every(
      (key) => wanted[key] === undefined || wanted[key] === found[key],
    );
  };
  await eventually(matches, () => last);
}
