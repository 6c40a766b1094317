/** A queue that forgets or is away costs time and nothing else. */
import type { Scheduler } from "../../core/ports/scheduler.ts";
import { eventually, someTask, someTasks, type Outage, type UseQueue } from "./fixture.ts";
import type { TestFramework } from "../test-framework.ts";

/** The port says about 2 s. */
const FAIL_MS = 3_000;
/** What opening may take: a frozen server takes the connection and never says a word. */
const OPEN_MS = 8_000;
/** A consumer tries again at least every 2 s, and asks the server for the task. */
const RETURN_MS = 15_000;

export function outageContract(use: UseQueue, { expect }: TestFramework): void {
  const UNREACHABLE: unknown = expect.stringMatching(/^(redis|postgres)_unreachable$/);

  use("knows whether the queue was wiped", async (queue) => {
    const [one, two] = [await queue.open(), await queue.open()];
    expect(await one.checkEpoch()).toBe(false);
    expect(await one.checkEpoch()).toBe(true);
    expect(await two.checkEpoch()).toBe(true);
    await queue.fixture.wipe();
    expect(await two.checkEpoch()).toBe(false);
    expect(await one.checkEpoch()).toBe(true);
  });

  use("a consumer outlives a wiped queue", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler, { concurrency: 1, hold: true });
    await scheduler.dispatch(someTasks(5));
    await got.count(1);
    await queue.fixture.wipe();
    expect(await scheduler.depth("default")).toEqual({ waiting: 0, active: 0, oldest: null });
    got.releaseAll();
    const task = someTask();
    await scheduler.dispatch([task]);
    await eventually(() => got.nodes.includes(task.node));
    expect(got.tasks).toHaveLength(2);
  });

  use("while the server is away every question fails in time, and opening too", async (queue) => {
    const scheduler = await queue.open();
    await scheduler.dispatch([someTask()]);
    for (const outage of queue.fixture.outages) {
      await outage.begin();
      const questions = [
        () => scheduler.dispatch(someTasks(3)),
        () => scheduler.depth("default"),
        () => scheduler.checkEpoch(),
      ];
      for (const ask of questions) {
        const askedAt = performance.now();
        await expect(ask()).rejects.toMatchObject({ code: UNREACHABLE });
        expect(performance.now() - askedAt).toBeLessThan(FAIL_MS);
      }
      const openedAt = performance.now();
      await expect(queue.open()).rejects.toMatchObject({ code: UNREACHABLE });
      expect(performance.now() - openedAt).toBeLessThan(OPEN_MS);
      await outage.end();
      await dispatchWhenBack(scheduler, outage);
    }
  });

  use("a consumer comes back with the server", async (queue) => {
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler);
    for (const outage of queue.fixture.outages) {
      await outage.begin();
      await expect(scheduler.dispatch([someTask()])).rejects.toThrow();
      await outage.end();
      const backAt = performance.now();
      const task = await dispatchWhenBack(scheduler, outage);
      await eventually(
        () => got.nodes.includes(task.node),
        () => outage.name,
      );
      expect(performance.now() - backAt).toBeLessThan(RETURN_MS);
    }
  });

  use("a consumer closes in time while the server is away", async (queue) => {
    const [outage] = queue.fixture.outages;
    if (outage === undefined) throw new Error("the fixture knows no outage");
    const scheduler = await queue.open();
    const got = await queue.consume(scheduler);
    await outage.begin();
    const startedAt = performance.now();
    await got.consumer.close(500);
    await scheduler.close();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await outage.end();
  });
}

/** Dispatches as the sweeper would: again and again, until it is taken. */
async function dispatchWhenBack(scheduler: Scheduler, outage: Outage): Promise<{ readonly node: string }> {
  const task = someTask();
  let last: unknown;
  const accepted = async (): Promise<boolean> => {
    try {
      await scheduler.dispatch([task]);
      return true;
    } catch (error) {
      last = error;
      return false;
    }
  };
  await eventually(accepted, () => `${outage.name}: ${String(last)}`);
  return task;
}
