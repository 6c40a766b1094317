/** Ends of children of items: nobody forgets one that its item was not told of. */
import { expect, test } from "vitest";
import type { ItemChildEnd } from "../../../src/core/ports/children.ts";
import { ItemChildren, type ItemChildrenOptions } from "../../../src/worker/maps/item-children.ts";

const end = {
  runId: "child",
  seq: 3,
  parent: { runId: "parent", node: "m", item: 0, generation: 0, root: "parent", depth: 1 },
  workflow: "w",
  status: "succeeded",
  output: 1,
} as ItemChildEnd;

function bench(isStopped: boolean) {
  const forgotten: string[] = [];
  const forgetChildEnds = async (ends: readonly { runId: string }[]): Promise<void> =>
    void forgotten.push(...ends.map(({ runId }) => runId));
  const options = {
    env: { store: { forgetChildEnds }, stopped: () => isStopped },
    // There is no such run, or it could not be read before the process ends.
    run: async () => null,
  };
  return { children: new ItemChildren(options as unknown as ItemChildrenOptions), forgotten };
}

test("an end whose parent cannot be read because the process ends stays for others", async () => {
  const { children, forgotten } = bench(true);
  await children.ended([end]);
  expect(forgotten).toEqual([]);
});

test("an end whose parent is gone is forgotten", async () => {
  const { children, forgotten } = bench(false);
  await children.ended([end]);
  expect(forgotten).toEqual(["child"]);
});
