/**
 * Every page and every action of the dashboard in a real browser, against a live engine. More runs than CI has time for:
 * `FLOWFORGE_RUNS=10000 FLOWFORGE_ITEMS=5000 npx vitest run test/browser`; pictures with `FLOWFORGE_SCREENSHOTS=<folder>`.
 */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openBrowser } from "../support/browser.ts";
import { PLACES } from "./places.ts";
import { DESK, type Look, openReader, type Reader, readingOf } from "./reader.ts";
import { STEPS } from "./steps.ts";
import { openStage, play, type Stage, WORKSPACE } from "./stage.ts";
import { boundOf, timed, Waits } from "./waits.ts";

// A browser is the last to come to its turn on a machine that has much to do.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const RUNS = Number(process.env["FLOWFORGE_RUNS"] ?? 200);
const ITEMS = Number(process.env["FLOWFORGE_ITEMS"] ?? 300);
/** Each with the rules of accessibility that it can break and those before it cannot. */
const LOOKS: readonly (readonly [name: string, look: Look, rules: readonly string[] | undefined])[] = [
  ["light", DESK, undefined],
  ["dark", { width: 1_400, colours: "dark" }, ["color-contrast"]],
  ["narrow", { width: 360, colours: "light" }, ["target-size", "scrollable-region-focusable"]],
];

let browser: Browser;
let stage: Stage;
beforeAll(async () => {
  [browser, stage] = await Promise.all([openBrowser(), openStage()]);
  await play(stage.engine, RUNS, ITEMS);
});
afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

async function newest(workflow: string): Promise<string> {
  const { items } = await stage.engine.runs.list({ workspace: WORKSPACE, workflow, limit: 1 });
  return items[0]!.id;
}

/** `of`: a run of which workflow is meant. */
async function placeOf(address: string, of?: string): Promise<string> {
  return of === undefined ? address : `${address}${await newest(of)}`;
}

async function statusOf(runId: string): Promise<string> {
  return (await stage.engine.runs.get(runId, { workspace: WORKSPACE }))!.header.status;
}

const reading = readingOf(() => ({ browser, url: stage.url }));

/** From an empty page on, so that nothing of the last one is taken for it. */
async function loading({ page, open }: Reader, address: string, of?: string): Promise<number> {
  const place = await placeOf(address, of);
  await page.goto("about:blank");
  return timed(() => open(place));
}

/** Figures for a table are the best of all tries; to show that nobody waits too long, one that is short enough will do. */
const IS_TABLE = process.env["FLOWFORGE_RUNS"] !== undefined;
const loads = new Waits("Until a page is there");
const effects = new Waits("Until what was done is seen");
afterAll(() => {
  if (IS_TABLE) console.log(`${loads.table()}\n\n${effects.table()}`);
});

/** How long anything may take on this machine. */
let most: number;
beforeAll(async () => {
  await using reader = await openReader(browser, stage.url);
  most = boundOf(await new Waits("settings").measure("settings", () => loading(reader, "/settings")));
});

describe.each(LOOKS)("soon there, without an error and without a barrier, %s:", (name, look, rules) => {
  let reader: Reader;
  beforeAll(async () => {
    reader = await openReader(browser, stage.url, look);
  });
  afterAll(() => reader?.[Symbol.asyncDispose]());

  test.each(PLACES.map(([place, address, of]) => ({ place, address, of })))(
    "$place",
    async ({ place, address, of }) => {
      // Colours and width make no page slower: one look is measured.
      if (look === DESK) await loads.measure(place, () => loading(reader, address, of), IS_TABLE ? 0 : most);
      else await reader.open(await placeOf(address, of));
      await reader.picture(`${place}-${name}`);
      expect(await reader.violations(rules)).toEqual([]);
      expect(await reader.overhang()).toBe(0);
      expect(reader.troubles).toEqual([]);
    },
  );
});

test("nobody waits long for a page, and for what he does on one, however many runs there are", async () => {
  await using reader = await openReader(browser, stage.url);
  for (const { what, address, of, act } of STEPS) {
    const once = async (): Promise<number> => {
      await loading(reader, address, of);
      return timed(() => act(reader.page));
    };
    await effects.measure(what, once, IS_TABLE ? 0 : most);
  }
  expect([...loads.slow(most), ...effects.slow(most)]).toEqual([]);
});

test("a run that nobody can take is on the overview, with the reason and a way to it", async () => {
  await reading("/", async ({ page }) => {
    const row = page.getByRole("row").filter({ hasText: "no worker takes from the lane printers" });
    await row.getByRole("link", { name: "labels" }).click();
    await page.getByText("print", { exact: true }).first().waitFor();
    expect(page.url()).toContain(`/runs/${await newest("labels")}`);
  });
});

test("a run is started with the form, approved, and seen to end, without a reload", async () => {
  await reading("/workflows/order", async ({ page }) => {
    await page.getByRole("button", { name: "Start a run" }).click();
    await page.getByLabel("customer").fill("c_9");
    await page.getByLabel("cents").fill("300000");
    await page.getByLabel("email").fill("grace@shop.example");
    await page.getByLabel("items").fill('["tea"]');
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("button", { name: "Send “approved”" }).click();
    await page.getByLabel("Payload (JSON)").fill('{"by":"grace"}');
    await page.getByRole("dialog").getByRole("button", { name: "Send “approved”" }).click();
    await page.locator(".page-note").getByText("succeeded").waitFor();
    const run = page.url().split("/").at(-1)!;
    expect(await stage.engine.runs.get(run, { workspace: WORKSPACE })).toMatchObject({
      header: { status: "succeeded" },
      input: { customer: "c_9", cents: 300_000, email: "grace@shop.example", items: ["tea"] },
    });
  });
});

test("a run is paused, resumed, cancelled and run again", async () => {
  const input = { customer: "c_1", cents: 500_000, email: "a@b.example", items: [] };
  const run = await stage.engine.runs.start("order", { workspace: WORKSPACE, input });
  await reading(`/runs/${run.id}`, async ({ page }) => {
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".page-note").getByText("paused").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".page-note").getByText("waiting").waitFor();
    await page.getByRole("button", { name: "Cancel run" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel run" }).click();
    await page.locator(".page-note").getByText("cancelled").waitFor();
    await page.getByRole("button", { name: "Run again", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Run again", exact: true }).click();
    await page.locator(".page-note").getByText("waiting").waitFor();
    await page.getByText("another run").waitFor();
    expect(page.url()).not.toContain(run.id);
  });
  expect(await statusOf(run.id)).toBe("cancelled");
});

test("a run's page hears what happens, and asks for nothing while nothing does", async () => {
  const input = { customer: "c_1", cents: 500_000, email: "a@b.example", items: [] };
  const run = await stage.engine.runs.start("order", { workspace: WORKSPACE, input });
  await using reader = await openReader(browser, stage.url);
  const { page } = reader;
  let asked = 0;
  page.on("request", (request) => {
    if (new URL(request.url()).pathname.endsWith(`/runs/${run.id}`)) asked += 1;
  });
  // From now on its clock stands still unless it is told to go.
  await page.clock.install();
  await reader.open(`/runs/${run.id}`);
  await page.locator(".page-note").getByText("waiting").waitFor();
  const askedIn = async (ms: number): Promise<number> => {
    const before = asked;
    await page.clock.runFor(ms);
    return asked - before;
  };
  await expect.poll(() => askedIn(30_000), { timeout: 100_000 }).toBe(0);
  await stage.engine.runs.signal(run.id, "approved", null, { workspace: WORKSPACE });
  // Less than the pause between two looks of a page that hears nothing.
  const ended = page.locator(".page-note").getByText("succeeded");
  await expect
    .poll(
      async () => {
        await page.clock.runFor(100);
        return ended.count();
      },
      { timeout: 100_000 },
    )
    .toBe(1);
  expect(reader.troubles).toEqual([]);
});

test("a dead letter is redriven with another input, completed, and discarded", async () => {
  const failed = async (id: string): Promise<string> => {
    const run = await stage.engine.runs.start("refund", { workspace: WORKSPACE, input: { id } });
    await run.result({ timeout: "20s" }).catch(() => null);
    return run.id;
  };
  const first = await failed("ord_a");
  await reading(`/runs/${first}`, async ({ page }) => {
    await page.getByRole("button", { name: "Redrive" }).click();
    await page.getByLabel("Input (JSON)").fill('{"id":"ord_b"}');
    await page.getByRole("dialog").getByRole("button", { name: "Redrive" }).click();
    await page.getByText("does not know payment ord_b").first().waitFor();
    await page.getByRole("button", { name: "Complete" }).click();
    await page.getByLabel("Output (JSON)").fill('{"done":true}');
    await page.getByRole("dialog").getByRole("button", { name: "Complete" }).click();
    await page.locator(".page-note").getByText("succeeded").waitFor();
  });
  const second = await failed("ord_c");
  await reading(`/runs/${second}`, async ({ page }) => {
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click();
    await page.getByText("It is discarded.").waitFor();
    await page.getByRole("button", { name: "Redrive" }).waitFor({ state: "detached" });
  });
  const letters = await stage.engine.deadLetters.list({ workspace: WORKSPACE, state: "all", runId: first });
  expect(letters.items.map(({ resolution, resolvedBy }) => [resolution, resolvedBy])).toEqual([
    ["completed", "ada@shop.example"],
    ["redriven", "ada@shop.example"],
  ]);
});

test("a group of dead letters is opened and discarded as a whole", async () => {
  await reading("/dead-letters", async ({ page }) => {
    const group = page
      .getByRole("group", { name: "Groups" })
      .getByRole("row")
      .filter({ hasText: "no address" });
    await group.getByRole("button", { name: "each" }).click();
    await page.getByRole("heading", { name: "Open at each" }).waitFor();
    await group.getByRole("button", { name: "Discard all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Discard all" }).click();
    await group.waitFor({ state: "detached" });
  });
  // The letters are gone with the first commit; a map of thousands ends a few later.
  const imported = await newest("import-contacts");
  await expect.poll(() => statusOf(imported), { timeout: 60_000 }).toBe("succeeded");
});

test("a group of dead letters is redriven as a whole", async () => {
  await reading("/dead-letters", async ({ page }) => {
    const group = page
      .getByRole("group", { name: "Groups" })
      .getByRole("row")
      .filter({ hasText: "does not know payment" });
    await group.getByRole("button", { name: "Redrive all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Redrive all" }).click();
    await page.getByText(/^\d+ done\.$/).waitFor();
  });
  // They fail again: those of before are resolved.
  const { items } = await stage.engine.deadLetters.list({
    workspace: WORKSPACE,
    workflow: "refund",
    state: "resolved",
  });
  expect(items.filter(({ resolution }) => resolution === "redriven").length).toBeGreaterThanOrEqual(6);
});

test("runs are found by filter, and paused, resumed and cancelled by it", async () => {
  const labels = { batch: "of-the-test" };
  const input = { customer: "c_1", cents: 500_000, email: "a@b.example", items: [] };
  const starts = [1, 2, 3].map(() => ({ workspace: WORKSPACE, input, labels }));
  const runs = await stage.engine.runs.startMany("order", starts);
  await reading("/runs", async ({ page }) => {
    await page.getByRole("button", { name: "failed", exact: true }).click();
    const all = page.getByRole("group", { name: "All runs that fit the filter" });
    await all.waitFor();
    // Half of a label is no filter, and what it leaves out must not be told anything.
    await page.getByRole("searchbox", { name: "Label" }).fill("batch");
    await all.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "failed", exact: true }).click();
    await page.getByRole("searchbox", { name: "Label" }).fill("batch:of-the-test");
    for (const verb of ["Pause all", "Resume all"]) {
      await page.getByRole("button", { name: verb }).click();
      await page.getByRole("dialog").getByText("label batch:of-the-test").waitFor();
      await page.getByRole("dialog").getByRole("button", { name: verb }).click();
      await page.getByText("3 runs were told.").waitFor();
      await page.getByRole("button", { name: "Dismiss" }).click();
    }
    await page.getByRole("button", { name: "waiting", exact: true }).click();
    const rows = page.getByRole("row");
    await expect.poll(() => rows.count(), { timeout: 100_000 }).toBe(4);
    // The way back from a run leads to what it was found by.
    await rows.nth(1).getByRole("link").first().click();
    await page.getByRole("heading", { name: "order", level: 1 }).waitFor();
    await page.goBack();
    await expect.poll(() => rows.count(), { timeout: 100_000 }).toBe(4);
    expect(await page.getByRole("searchbox", { name: "Label" }).inputValue()).toBe("batch:of-the-test");
    await page.getByRole("button", { name: "Cancel all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel all" }).click();
    await page.getByText("3 runs were told.").waitFor();
    await page.getByText("No runs here.").waitFor();
  });
  await Promise.all(runs.map((run) => run.result({ timeout: "10s" }).catch(() => null)));
  expect(await Promise.all(runs.map(({ id }) => statusOf(id)))).toEqual([
    "cancelled",
    "cancelled",
    "cancelled",
  ]);
});

test("runs are found by the text of an error, and cancelled by it", async () => {
  const run = await stage.engine.runs.start("refund", { workspace: WORKSPACE, input: { id: "ord_100%" } });
  await run.result({ timeout: "20s" }).catch(() => null);
  await reading("/runs", async (reader) => {
    const { page } = reader;
    const rows = page.getByRole("group", { name: "Runs" }).getByRole("row");
    await page.getByLabel("Error").fill("payment ORD_100%");
    await expect.poll(() => rows.count(), { timeout: 100_000 }).toBe(2);
    await rows.getByRole("link", { name: "refund" }).waitFor();
    await reader.picture("runs-by-error");
    await page.getByLabel("Error").fill("payment ord%100");
    await page.getByText("No runs here.").waitFor();
    await page.getByLabel("Error").fill("ord_100%");
    await page.getByRole("button", { name: "failed", exact: true }).click();
    await expect.poll(() => rows.count(), { timeout: 100_000 }).toBe(2);
    await page.getByRole("button", { name: "Cancel all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel all" }).click();
    await page.getByText("1 run was told.").waitFor();
  });
  expect(await statusOf(run.id)).toBe("cancelled");
});

test("who may only look sees no button that does anything, and is refused where he tries", async () => {
  const url = await stage.serve({ authorize: () => ({ workspace: WORKSPACE }), readOnly: true });
  await reading(
    `/runs/${await newest("refund")}`,
    async ({ page }) => {
      expect(await page.locator(".page-actions button, .actions button").count()).toBe(0);
      await page.getByRole("link", { name: "Runs", exact: true }).click();
      await page.getByRole("button", { name: "failed", exact: true }).click();
      await page.getByRole("button", { name: "failed", exact: true, pressed: true }).waitFor();
      expect(await page.getByText("All that fit:").count()).toBe(0);
      await page.getByRole("link", { name: "Dead letters", exact: true }).click();
      await page.getByRole("columnheader", { name: "Error" }).waitFor();
      expect(await page.getByRole("columnheader", { name: "Actions" }).count()).toBe(0);
    },
    { url },
  );
  const api = url.replace("/dashboard", "");
  const answer = await fetch(`${api}/runs/${await newest("refund")}/rerun`, { method: "POST" });
  expect(answer.status).toBe(403);
});

test("an address that leads nowhere says so, and none at all leads to the overview", async () => {
  await reading("/nowhere", async ({ page }) => {
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    await page.goto("about:blank");
    await page.goto(stage.url);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });
});

test("another workspace's page shows nothing of this one", async () => {
  const url = await stage.serve({ authorize: () => ({ workspace: "other" }) });
  await reading(
    "/runs",
    async ({ page }) => {
      await page.getByText("No runs here.").waitFor();
      expect(await page.content()).not.toContain("refund");
    },
    { url },
  );
});

test("a picture of 200 nodes is moved through by keys and by the pointer", async () => {
  await reading("/workflows/wide", async ({ page }) => {
    const picture = page.getByRole("group", { name: "Nodes of the workflow" });
    expect(await picture.getByRole("button").count()).toBe(201);
    const before = await picture.getAttribute("viewBox");
    await page.getByRole("button", { name: "Fit" }).click();
    expect(await picture.getAttribute("viewBox")).not.toBe(before);
    await picture.getByRole("button", { name: /^step_1_1,/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "step_1_1" }).waitFor();
  });
});
