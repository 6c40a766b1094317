/** Tasks as they travel: there and back, and what is refused. */
import { describe, expect, test } from "vitest";
import type { Task } from "../../../src/core/ports/scheduler.ts";
import { MAX_TASK_BYTES, packTask, unpackTask } from "../../../src/core/task.ts";

const TASK: Task = {
  runId: "0198c0de-0000-7000-8000-000000000001",
  node: "charge",
  item: -1,
  fence: 3,
  dispatches: 2,
  lane: "default",
  workspace: "acme",
  workflow: "order-fulfilment",
  version: 7,
  dispatchedAt: 1_790_000_000_000,
};

test("what is packed is unpacked, on the lane where it came", () => {
  const { id, fields } = packTask(TASK);
  expect(id).toBe("0198c0de-0000-7000-8000-000000000001.charge.-1-3-2");
  expect(unpackTask(JSON.parse(JSON.stringify(fields)), "slow")).toEqual({ ...TASK, lane: "slow" });
});

test("another fence or another dispatch is another task", () => {
  const ids = [TASK, { ...TASK, fence: 4 }, { ...TASK, dispatches: 3 }, { ...TASK, item: 0 }].map(
    (task) => packTask(task).id,
  );
  expect(new Set(ids).size).toBe(4);
});

describe("what is not packed by us is not unpacked", () => {
  const fields = packTask(TASK).fields;
  test.each([null, undefined, "task", 5, {}, []])("%j", (packed) => {
    expect(unpackTask(packed, "default")).toBe(null);
  });

  test.each(fields.map((_, place) => place))("field %i of another type", (place) => {
    const broken = fields.with(place, typeof fields[place] === "string" ? 1 : "1");
    expect(unpackTask(broken, "default")).toBe(null);
  });
});

describe("what the queue would refuse", () => {
  const refusal = (task: Task): unknown => {
    try {
      return packTask(task);
    } catch (error) {
      return error;
    }
  };

  test("an id with a colon", () => {
    expect(refusal({ ...TASK, runId: "a:b" })).toMatchObject({
      code: "task_invalid",
      subject: 'task of node "charge" in run a:b',
      expected: "an id of at most 400 characters without a colon",
      received: '"a:b.charge.-1-3-2"',
    });
  });

  test("an id that is too long", () => {
    expect(packTask({ ...TASK, node: "n".repeat(350) }).id).toHaveLength(394);
    expect(refusal({ ...TASK, node: "n".repeat(400) })).toMatchObject({ code: "task_invalid" });
  });

  test("more than 1 KiB, counted in bytes", () => {
    expect(refusal({ ...TASK, workflow: "w".repeat(MAX_TASK_BYTES) })).toMatchObject({
      code: "task_invalid",
      expected: "at most 1024 bytes",
      received: expect.stringMatching(/^1\d{3} bytes$/) as string,
    });
    const umlauts = { ...TASK, workflow: "ä".repeat(450) };
    expect(JSON.stringify(packTask({ ...TASK, workflow: "w".repeat(450) }).fields).length).toBeLessThan(
      MAX_TASK_BYTES,
    );
    expect(refusal(umlauts)).toMatchObject({ code: "task_invalid" });
  });
});
