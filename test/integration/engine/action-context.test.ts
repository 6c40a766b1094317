/** An action is handed its node's input and grants, and nothing of other nodes, other workspaces or the engine. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { type ActionContext, defineAction, defineWorkflow } from "../../../src/index.ts";
import { onEachBackend, openBackend } from "./backends.ts";

/** Everything that can be reached from a value without calling anything, with its path. */
function reachable(root: unknown): ReadonlyMap<unknown, string> {
  const seen = new Map<unknown, string>([[root, "context"]]);
  const left: unknown[] = [root];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) continue;
    const path = seen.get(value)!;
    const inner: [string, unknown][] = Reflect.ownKeys(value).map((key) => {
      const property = Reflect.getOwnPropertyDescriptor(value, key)!;
      return [String(key), "value" in property ? property.value : property.get];
    });
    if (value instanceof Map || value instanceof Set) inner.push(["entries", [...value]]);
    inner.push(["prototype of", Reflect.getPrototypeOf(value as object)]);
    for (const [key, one] of inner) {
      if (one === undefined || one === null || seen.has(one)) continue;
      seen.set(one, `${path}.${key}`);
      left.push(one);
    }
  }
  return seen;
}

onEachBackend("the context of an action", (name) => {
  test("holds its own input and ids, and leads nowhere else", async () => {
    await using backend = await openBackend(name);
    const contexts: ActionContext<unknown>[] = [];
    const look = defineAction({
      name: "look",
      run: async (context) => {
        contexts.push(context as ActionContext<unknown>);
        await context.credential("mine");
        return null;
      },
    });
    const secret = defineAction({ name: "secret", run: () => "output-of-another-node" });
    const key = randomBytes(32).toString("base64");
    const encryption = { keys: { k1: key }, current: "k1" };
    const engine = backend.engine({ encryption, actions: [look, secret] });
    await engine.start();
    for (const each of ["mine", "other"]) await engine.credentials.set(each, { token: `token-of-${each}` });
    const workflow = defineWorkflow({
      format: 1,
      name: "two",
      nodes: {
        first: { kind: "action", action: "secret" },
        second: { kind: "action", action: "look", input: { a: "own-input" }, credentials: ["mine"] },
      },
      edges: [{ from: "first", to: "second" }],
    } as never);
    const run = await engine.runs.start(workflow, { input: { hidden: "input-of-the-run" } });
    await run.result({ timeout: "20s" });

    const [context] = contexts;
    expect(new Set(Object.keys(context!))).toEqual(
      new Set(
        "addJob attempt checkpoint connect credential fetch idempotencyKey input lastCheckpoint logger node publish redact run runCode signal step tx".split(
          " ",
        ),
      ),
    );
    // The logger is the host's own, and may lead where the host likes.
    const { logger: _, ...handed } = context!;
    const found = reachable(handed);
    const texts = [...found.keys()].filter((value) => typeof value === "string").join("\n");
    expect(texts).toContain("own-input");
    for (const foreign of ["output-of-another-node", "input-of-the-run", "token-of-", key])
      expect(texts).not.toContain(foreign);
    const parts = ["commitLocked", "saveWorkflow", "runs", "connect", "query_timeout", "publish"];
    const leaks = [...found].filter(
      ([value]) =>
        typeof value === "object" &&
        value !== handed &&
        parts.some((part) => typeof Reflect.get(value as object, part) === "function"),
    );
    expect(leaks.map(([, path]) => path)).toEqual([]);
    expect(found.has(engine)).toBe(false);
  });
});
