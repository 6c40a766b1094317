/** Dead letters through HTTP, from the list to their end; and a start whose key a transaction holds. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { type Api, openApi } from "./api.ts";

const broken = {
  format: 1,
  name: "broken",
  nodes: { a: { kind: "action", action: "fussy", input: "{{ input }}" } },
  edges: [],
  output: "{{ nodes.a.output }}",
};

let api: Api;
let whileHeld: ReturnType<typeof startTwice>;
/** What `fussy` takes from now on. */
let wanted: unknown = "nothing";
beforeAll(async () => {
  api = await openApi({}, [
    {
      kind: "flowforge.action",
      name: "fussy",
      retry: { immediate: 0, backoff: [] },
      run: ({ input }) => {
        if (input !== wanted) throw new Error("not what it wants");
        return input;
      },
    },
  ]);
  await api.engine.workflows.register(defineWorkflow(broken), { workspace: "mine" });
  // A start waits ten seconds for whoever holds its key: the other tests pass meanwhile.
  whileHeld = startTwice();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Letter {
  readonly id: string;
  readonly runId: string;
  readonly fingerprint: string;
}

async function read<T>(line: string, body?: unknown): Promise<T> {
  const response = await api.call(line, body);
  const value = (await response.json()) as T;
  expect([line, response.status, value]).toEqual([line, 200, value]);
  return value;
}

/** Runs that have failed, and their dead letters, the oldest first. */
async function failed(...inputs: readonly string[]): Promise<readonly Letter[]> {
  const letters: Letter[] = [];
  for (const input of inputs) {
    const started = await api.call("POST /runs", { workflow: "broken", input });
    const { id } = (await started.json()) as { id: string };
    const run = api.engine.runs.handle(id, { workspace: "mine" });
    await expect(run.result({ timeout: "20s" })).rejects.toMatchObject({ code: "run_failed" });
    const { items } = await read<{ items: Letter[] }>(`GET /dead-letters?runId=${id}`);
    expect(items).toMatchObject([{ runId: id, workflow: "broken", node: "a", input, resolution: null }]);
    letters.push(items[0]!);
  }
  return letters;
}

function result({ runId }: Letter): Promise<unknown> {
  return api.engine.runs.handle(runId, { workspace: "mine" }).result({ timeout: "20s" });
}

test(
  "are listed, got, grouped, previewed, redriven, completed and discarded",
  { timeout: 30_000 },
  async () => {
    wanted = "nothing";
    const [first, second, third, fourth] = await failed("one", "two", "three", "four");
    const { items } = await read<{ items: Letter[] }>("GET /dead-letters?limit=2&workflow=broken");
    expect(items.map(({ id }) => id)).toEqual([fourth!.id, third!.id]);
    expect(await read(`GET /dead-letters/${first!.id}`)).toMatchObject({
      id: first!.id,
      error: { class: "Error", message: "not what it wants" },
      attempts: 1,
    });
    const groups = await read<{ items: object[] }>("GET /dead-letter-groups?workflow=broken");
    expect(groups.items).toMatchObject([{ node: "a", count: 4, fingerprint: first!.fingerprint }]);
    const preview = await read(`POST /dead-letters/${first!.id}/preview`, { version: "latest" });
    expect(preview).toMatchObject({ runId: first!.runId, to: 1, refusals: [] });

    wanted = "one";
    expect(await read(`POST /dead-letters/${first!.id}/redrive`)).toEqual({});
    expect(await result(first!)).toBe("one");
    // With an input that was edited.
    expect(await read(`POST /dead-letters/${second!.id}/redrive`, { input: "one" })).toEqual({});
    expect(await result(second!)).toBe("one");
    expect(await read(`POST /dead-letters/${third!.id}/complete`, { output: { by: "hand" } })).toEqual({});
    expect(await result(third!)).toEqual({ by: "hand" });
    expect(await read(`POST /dead-letters/${fourth!.id}/discard`)).toEqual({});

    const resolved = await read<{ items: object[] }>("GET /dead-letters?state=resolved");
    expect(resolved.items).toMatchObject([
      { id: fourth!.id, resolution: "discarded", resolvedBy: "ada" },
      { id: third!.id, resolution: "completed", resolvedBy: "ada" },
      { id: second!.id, resolution: "redriven", resolvedBy: "ada" },
      { id: first!.id, resolution: "redriven", resolvedBy: "ada" },
    ]);
    for (const what of ["redrive", "complete", "discard"]) {
      const again = await api.call(`POST /dead-letters/${third!.id}/${what}`, {});
      expect([again.status, await again.json()]).toMatchObject([409, { code: "dead_letter_resolved" }]);
    }
  },
);

test("many at once, by a filter", { timeout: 30_000 }, async () => {
  wanted = "nothing";
  const letters = await failed("five", "six", "seven");
  wanted = "five";
  const filter = { runId: letters[0]!.runId };
  expect(await read("POST /bulk/dead-letters/redrive", { filter })).toMatchObject({ done: 1, refused: 0 });
  expect(await result(letters[0]!)).toBe("five");
  const completed = await read("POST /bulk/dead-letters/complete", {
    filter: { runId: letters[1]!.runId },
    output: "by hand",
  });
  expect(completed).toMatchObject({ done: 1, refused: 0 });
  expect(await result(letters[1]!)).toBe("by hand");
  const rest = await read("POST /bulk/dead-letters/discard", { filter: { workflow: "broken" } });
  expect(rest).toMatchObject({ done: 1, refused: 0 });
  expect(await read("GET /dead-letters?workflow=broken")).toEqual({ items: [], cursor: null });
});

test("a start whose key an open transaction holds: 409, and then the run", { timeout: 30_000 }, async () => {
  const { runId, response } = await whileHeld;
  expect([response.status, await response.json()]).toMatchObject([
    409,
    { code: "idempotency_in_progress", status: 409 },
  ]);
  const after = await startHeld();
  expect([after.status, await after.json()]).toEqual([201, { id: runId, workflow: "waiting" }]);
});

function startHeld(): Promise<Response> {
  return api.call("POST /runs", { workflow: "waiting", input: 1 }, { "idempotency-key": "held" });
}

/** A run that a transaction starts, and what another start with its key is told before the commit. */
async function startTwice(): Promise<{ readonly runId: string; readonly response: Response }> {
  return api.engine.transaction(async (tx) => {
    const settings = { workspace: "mine", idempotencyKey: "held", input: 1, tx };
    const { id } = await api.engine.runs.start("waiting", settings);
    return { runId: id, response: await startHeld() };
  });
}
