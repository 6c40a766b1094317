/** What a workspace may not start any more is, over HTTP, 429 with a time to come back. */
import { expect, test } from "vitest";
import { openApi } from "./api.ts";

test("a start beyond the quota is a problem with Retry-After, and one with a known key is answered as before", async () => {
  await using api = await openApi();
  await api.engine.workspaces.setLimits("mine", { starts: { limit: 1, per: "1h" } });
  const body = { workflow: "waiting" };
  const key = { "idempotency-key": "k" };
  const first = await api.call("POST /runs", body, key);
  expect(first.status).toBe(201);
  const refused = await api.call("POST /runs", body);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("content-type")).toContain("application/problem+json");
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(3_500);
  expect(seconds).toBeLessThanOrEqual(3_600);
  const problem = (await refused.json()) as { retryAfterMs: number };
  expect(problem).toMatchObject({ code: "quota_exceeded", status: 429 });
  expect(Math.ceil(problem.retryAfterMs / 1_000)).toBe(seconds);
  expect((await api.call("POST /runs", body, key)).status).toBeLessThan(300);
});
