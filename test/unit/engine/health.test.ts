/** What `engine.health()` makes of the answers. */
import { expect, test } from "vitest";
import { FlowForgeError } from "../../../src/index.ts";
import { healthOf, type HealthParts } from "../../../src/engine/health.ts";

const answers = (): Promise<unknown> => Promise.resolve();
const fails = (): Promise<unknown> => Promise.reject(new Error("gone"));
const health = (parts: Partial<HealthParts>) =>
  healthOf({ askStore: answers, askQueue: answers, worker: null, ...parts });
const worker = { id: "w", silentMs: 100, leaseMs: 1_000 };

test("everything answers: alive and ready, with a worker and without", async () => {
  expect(await health({})).toMatchObject({ live: true, ready: true, worker: null });
  expect(await health({ worker })).toMatchObject({ live: true, ready: true, worker });
});

test("a part that fails makes it unready and says why, and is no reason for a restart", async () => {
  const lost = () => Promise.reject(new FlowForgeError("redis_unreachable", { subject: "s", next: "n" }));
  const away = await health({ askStore: fails, askQueue: lost, worker: { ...worker, silentMs: 60_000 } });
  expect(away).toMatchObject({ live: true, ready: false });
  expect(away.postgres.error).toEqual({ code: "unreachable", message: "gone" });
  expect(away.queue.error).toMatchObject({ code: "redis_unreachable" });
  expect(await health({ askQueue: fails })).toMatchObject({ ready: false, postgres: { ok: true } });
});

test("a worker that is silent for a lease is not ready; for six, a restart helps", async () => {
  const silent = (silentMs: number) => health({ worker: { ...worker, silentMs } });
  expect(await silent(1_000)).toMatchObject({ live: true, ready: true });
  expect(await silent(1_001)).toMatchObject({ live: true, ready: false });
  expect(await silent(6_000)).toMatchObject({ live: true, ready: false });
  expect(await silent(6_001)).toMatchObject({ live: false, ready: false });
  expect(await health({ worker: { ...worker, id: null } })).toMatchObject({ live: true, ready: false });
});
