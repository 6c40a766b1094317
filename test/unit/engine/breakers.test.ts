/** Breakers that somebody opens by hand: it is told as any other opening, and once. */
import { expect, test } from "vitest";
import { DEFAULT_BREAKER } from "../../../src/core/breaker/policy.ts";
import type { Announcement } from "../../../src/core/ports/commit.ts";
import { BreakersApi } from "../../../src/engine/breakers.ts";
import { createMemoryStore } from "../../../src/testing.ts";

test("who opens a breaker by hand opens it for everybody, and everybody is told", async () => {
  const store = createMemoryStore();
  const told: unknown[] = [];
  const announced: string[] = [];
  const announce = async (events: readonly Announcement[]): Promise<void> =>
    void announced.push(...events.map(({ name }) => name));
  const silent = (): void => undefined;
  const rules = {
    target: { policy: DEFAULT_BREAKER, overrides: new Map() },
    credential: null,
    workflow: null,
    workspace: null,
  };
  const api = new BreakersApi(
    {
      store: { breakers: store.breakers, now: () => store.now(), events: { ...store.events, announce } },
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      events: { emit: (...event) => void told.push(event) },
    },
    rules,
  );
  const of = { workspace: "acme", scope: "target", name: "api" } as const;
  await api.open(of);
  await api.open(of);
  const opened = { ...of, failed: 0, attempts: 0 };
  const details = { scope: "target", name: "api", failed: 0, attempts: 0 };
  expect(told).toEqual([
    ["breaker.opened", opened],
    ["alert", expect.objectContaining({ what: "breaker_opened", workspace: "acme", details })],
  ]);
  expect(announced).toEqual(["flowforge.breaker.opened", "flowforge.alert"]);
  // From here on the engines go on by themselves, and tell when it is closed.
  await api.close(of);
  await api.open(of);
  expect(told).toHaveLength(2);
});
