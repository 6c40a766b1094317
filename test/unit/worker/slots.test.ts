/** Places of a worker: who may take them, and who is next where there are none. */
import { describe, expect, test } from "vitest";
import { Slots } from "../../../src/worker/slots.ts";

class Bench {
  now = 0;
  readonly slots: Slots = new Slots(40, () => this.now);
}

describe("of forty places", () => {
  test("one workspace that is the only one has all", () => {
    const { slots } = new Bench();
    expect([slots.take("loud", 50), slots.free]).toEqual([40, 0]);
  });

  test("two are kept as soon as others come, so that those who hold none begin at once", () => {
    const { slots } = new Bench();
    slots.take("loud", 40);
    slots.release("loud");
    expect(slots.take("quiet", 1)).toBe(1);
    slots.release("quiet");
    slots.release("loud", 2);
    expect(slots.take("loud", 5)).toBe(1);
    // One place, and no second one.
    expect([slots.take("quiet", 5), slots.take("quiet", 1), slots.take("third", 5)]).toEqual([1, 0, 1]);
    expect([slots.take("fourth", 1), slots.free]).toEqual([0, 0]);
  });

  test("the kept ones are there for all again, a minute after the others", () => {
    const state = new Bench();
    const { slots } = state;
    expect([slots.take("quiet", 1), slots.take("loud", 40)]).toEqual([1, 37]);
    slots.release("quiet");
    state.now = 59_999;
    expect(slots.take("loud", 40)).toBe(1);
    state.now = 60_001;
    expect([slots.take("loud", 40), slots.free]).toEqual([2, 0]);
  });

  test("who waits is next, but for places that are kept from him", async () => {
    const { slots } = new Bench();
    slots.take("quiet", 1);
    slots.take("loud", 40);
    slots.borrow("loud", 2);
    const order: string[] = [];
    const waits = ["loud", "quiet", "third"].map((name) => slots.acquire(name).then(() => order.push(name)));
    expect([slots.waiting, slots.free]).toEqual([3, 0]);
    slots.release("loud");
    // Holds none.
    expect([slots.waiting, slots.free]).toEqual([2, 0]);
    slots.release("loud", 2);
    expect([slots.waiting, slots.free]).toEqual([2, 2]);
    slots.release("loud", 2);
    expect([slots.waiting, slots.free]).toEqual([0, 2]);
    await Promise.all(waits);
    expect(order).toEqual(["third", "loud", "quiet"]);
  });
});

test("a worker with few places keeps none", () => {
  const slots = new Slots(19);
  slots.take("quiet", 1);
  expect(slots.take("loud", 40)).toBe(18);
});
