/**
 * Forms of the dashboard over pages that change by themselves, in a real browser: what somebody has filled in stays his until it is done, nothing is
 * done twice, and everything can be done without a pointer.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defineWorkflow } from "../../src/index.ts";
import { openBrowser } from "../support/browser.ts";
import { openReader, readingOf } from "./reader.ts";
import { openStage, type Stage, WORKSPACE } from "./stage.ts";

// A browser is the last to come to its turn on a machine that has much to do.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const workspace = WORKSPACE;
const LARGE = { customer: "c_1", cents: 500_000, email: "a@b.example", items: [] };
let browser: Browser;
let stage: Stage;
beforeAll(async () => {
  [browser, stage] = await Promise.all([openBrowser(), openStage()]);
});
afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

const reading = readingOf(() => ({ browser, url: stage.url }));

/** A run with a dead letter. */
async function refused(id: string): Promise<string> {
  const run = await stage.engine.runs.start("refund", { workspace, input: { id } });
  await run.result({ timeout: "20s" }).catch(() => null);
  return run.id;
}

/** What the page has asked the API for, from now on. */
function asked(page: Page): readonly string[] {
  const paths: string[] = [];
  page.on("request", (request) => void paths.push(new URL(request.url()).pathname));
  return paths;
}

describe("what is filled in", () => {
  test("stays where it is refused, with the reason, until it is right", async () => {
    await reading("/workflows/order", async ({ page }) => {
      await page.getByRole("button", { name: "Start a run" }).click();
      await page.getByLabel("cents").fill("300000");
      await page.getByLabel("Write the input as JSON").check();
      const input = page.getByLabel("Input", { exact: true });
      expect(JSON.parse(await input.inputValue())).toEqual({ cents: 300_000 });
      await input.fill("{ no");
      await page.getByRole("button", { name: "Start", exact: true }).click();
      await page.getByRole("dialog").getByRole("alert").getByText("This is no JSON").waitFor();
      await input.fill(JSON.stringify(LARGE));
      await page.getByRole("button", { name: "Start", exact: true }).click();
      await page.getByRole("button", { name: "Send “approved”" }).click();
      await page.getByLabel("Payload (JSON)").fill("nor this");
      const send = page.getByRole("dialog").getByRole("button", { name: "Send “approved”" });
      await send.click();
      await page.getByRole("dialog").getByRole("alert").getByText("This is no JSON").waitFor();
      expect(await page.getByLabel("Payload (JSON)").inputValue()).toBe("nor this");
      await page.getByLabel("Payload (JSON)").fill("null");
      await send.click();
      await page.locator(".page-note").getByText("succeeded").waitFor();
    });
  });

  test("is not taken away by what happens behind it", async () => {
    const run = await refused("ord_still");
    await using reader = await openReader(browser, stage.url);
    const { page } = reader;
    // From now on its clock stands still unless it is told to go.
    await page.clock.install();
    await reader.open(`/runs/${run}`);
    await page.getByRole("button", { name: "Redrive" }).click();
    const input = page.getByRole("dialog").getByLabel("Input (JSON)");
    await input.fill('{"id":"ord_mended"}');
    const { items } = await stage.engine.deadLetters.list({ workspace, runId: run });
    await stage.engine.deadLetters.complete(items[0]!.id, { workspace, output: null });
    const paths = asked(page);
    // Longer than any pause between two looks.
    await page.clock.runFor(60_000);
    expect(paths).toEqual([]);
    expect(await input.inputValue()).toBe('{"id":"ord_mended"}');
    await page.getByRole("dialog").getByRole("button", { name: "Redrive" }).click();
    await page.getByRole("dialog").getByRole("alert").waitFor();
    await page.getByRole("button", { name: "Not now" }).click();
    await page.locator(".page-note").getByText("succeeded").waitFor();
    // That it is refused, the browser itself notes.
    expect(reader.troubles.filter((trouble) => !/4\d\d/.test(trouble))).toEqual([]);
  });

  test("is done once, however often it is told", async () => {
    await reading("/workflows/welcome", async ({ page }) => {
      const path = "**/flow/runs";
      let starts = 0;
      const held = Promise.withResolvers<void>();
      await page.route(path, async (route) => {
        starts += 1;
        await held.promise;
        await route.continue();
      });
      await page.getByRole("button", { name: "Start a run" }).click();
      await page.getByLabel("Input", { exact: true }).fill('{"name":"Ada"}');
      const start = page.getByRole("button", { name: "Start", exact: true });
      await start.click();
      await page.locator("dialog button[type=submit]:disabled").waitFor();
      held.resolve();
      await page.locator(".page-note").getByText("succeeded").waitFor();
      await page.unroute(path);
      expect(starts).toBe(1);
    });
  });
});

test("the node that somebody looks at stays, whatever begins elsewhere", async () => {
  const wait = (signal: string): object => ({ kind: "wait", for: { signal } });
  const nodes = { first: wait("one"), second: wait("two") };
  await stage.engine.workflows.register(defineWorkflow({ format: 1, name: "two-waits", nodes, edges: [] }), {
    workspace,
  });
  const run = await stage.engine.runs.start("two-waits", { workspace });
  await reading(`/runs/${run.id}`, async ({ page }) => {
    const panel = page.locator(".node-panel");
    await panel.getByRole("heading", { name: "first" }).waitFor();
    await panel.getByText("Definition", { exact: true }).click();
    await stage.engine.runs.signal(run.id, "one", null, { workspace });
    await panel.locator(".summary").getByText("succeeded").waitFor();
    await panel.getByRole("heading", { name: "first" }).waitFor();
  });
});

describe("the page of a run", () => {
  test("says that a login has ended while it listened", async () => {
    let isIn = true;
    const url = await stage.serve({
      authorize: () => (isIn ? { workspace } : null),
      checkLoginEvery: "1s",
    });
    const run = await stage.engine.runs.start("order", { workspace, input: LARGE });
    await using reader = await openReader(browser, url);
    const listens = reader.page.waitForResponse((response) => response.url().endsWith("/events"));
    await reader.open(`/runs/${run.id}`);
    await listens;
    isIn = false;
    await reader.page.getByRole("alert").getByText("You are not logged in").first().waitFor();
    expect(reader.troubles.filter((trouble) => !trouble.includes("401"))).toEqual([]);
  });

  test("listens only while somebody can see it", async () => {
    const run = await stage.engine.runs.start("order", { workspace, input: LARGE });
    await reading("/settings", async ({ page }) => {
      const turn = (state: string): Promise<void> =>
        page.evaluate(
          `Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });` +
            `document.dispatchEvent(new Event("visibilitychange"))`,
        );
      const stream = /\/events$/;
      const listens = page.waitForRequest(stream);
      await page.goto(`${stage.url}#/runs/${run.id}`);
      await listens;
      await page.locator(".page-note").getByText("waiting").waitFor();
      const ends = page.waitForEvent("requestfailed", (request) => stream.test(request.url()));
      await turn("hidden");
      await ends;
      const again = page.waitForRequest(stream);
      await turn("visible");
      await again;
      await stage.engine.runs.signal(run.id, "approved", null, { workspace });
      await page.locator(".page-note").getByText("succeeded").waitFor();
    });
  });
});

test("how long ago something was goes by the server's clock, however wrong the reader's is", async () => {
  await stage.engine.runs.start("order", { workspace, input: LARGE });
  await using reader = await openReader(browser, stage.url);
  await reader.page.clock.install({ time: Date.now() + 3_600_000 });
  await reader.open("/runs");
  const ago = reader.page
    .getByRole("row")
    .nth(1)
    .getByText(/^(?:just now|\d+ s ago)$/);
  await ago.waitFor();
  expect(reader.troubles).toEqual([]);
});

test("a group of dead letters is seen where it is opened, however far below", async () => {
  await refused("ord_low");
  await using reader = await openReader(browser, stage.url);
  const { page } = reader;
  await page.setViewportSize({ width: 1_400, height: 200 });
  await reader.open("/dead-letters");
  await page.getByLabel("Text of the error").fill("ord_low");
  await page.getByRole("button", { name: "refund", exact: true }).click();
  const letters = page.getByRole("heading", { name: "Open at refund" });
  await letters.waitFor();
  await expect.poll(async () => (await letters.boundingBox())!.y, { timeout: 100_000 }).toBeLessThan(200);
});

test("a question that is asked in a table has room on the narrowest screen, and says once what is wrong", async () => {
  await refused("ord_narrow");
  await using reader = await openReader(browser, stage.url, { width: 360, colours: "light" });
  const { page } = reader;
  await reader.open("/dead-letters");
  await page.getByLabel("Text of the error").fill("ord_narrow");
  await page.getByRole("button", { name: "refund", exact: true }).click();
  await page.getByRole("button", { name: "Redrive", exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  await reader.picture("redrive-form-narrow");
  expect(
    await page.evaluate<number>(
      `((it) => it.scrollWidth - it.clientWidth)(document.querySelector("dialog"))`,
    ),
  ).toBe(0);
  await dialog.getByRole("button", { name: "Not now" }).click();
  await reader.open("/workflows/order");
  await page.getByRole("button", { name: "Start a run" }).click();
  await page.getByLabel("Write the input as JSON").check();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  const said = await dialog.getByRole("alert").textContent();
  expect(said!.split("Nothing was stored").length).toBe(2);
});

describe("without a pointer", () => {
  const focused = (page: Page): Promise<string> =>
    page.evaluate<string>("document.activeElement.textContent.trim().slice(0, 40)");

  async function press(page: Page, ...keys: readonly string[]): Promise<void> {
    for (const key of keys) await page.keyboard.press(key);
  }

  /** Tab by tab. */
  async function reach(page: Page, text: string): Promise<void> {
    for (let step = 0; step < 80 && (await focused(page)) !== text; step++) await press(page, "Tab");
    expect(await focused(page)).toBe(text);
  }

  test("a dead letter is discarded", async () => {
    const run = await refused("ord_k");
    await reading(`/runs/${run}`, async ({ page }) => {
      const dialog = page.getByRole("dialog");
      await page.getByRole("button", { name: "Redrive" }).waitFor();
      await press(page, "Tab");
      expect(await focused(page)).toBe("Skip to the content");
      await press(page, "Enter");
      expect(await page.evaluate<string>("document.activeElement.id")).toBe("main");
      await reach(page, "Discard");
      // A question that is put away gives the focus back, by the key for it and by its button.
      for (const away of ["Escape", "Enter"]) {
        await press(page, "Enter");
        await dialog.waitFor();
        expect(await focused(page)).toBe("Not now");
        await press(page, away);
        // The page hears that it was closed a moment after it is not seen any more.
        await page.locator("dialog").waitFor({ state: "detached" });
        await expect.poll(() => focused(page)).toBe("Discard");
      }
      await press(page, "Enter");
      await dialog.waitFor();
      await reach(page, "Discard");
      await press(page, "Enter");
      await page.getByText("It is discarded.").waitFor();
    });
    expect(await stage.engine.deadLetters.list({ workspace, runId: run })).toMatchObject({ items: [] });
  });

  test("a picture is one stop, gone through with the arrow keys", async () => {
    await reading("/workflows/wide", async ({ page }) => {
      const picture = page.getByRole("group", { name: "Nodes of the workflow" });
      expect(await picture.locator("[tabindex='0']").count()).toBe(1);
      await reach(page, "Fit");
      await press(page, "Tab");
      const begin = await focused(page);
      await press(page, "ArrowRight", "ArrowDown");
      const next = await focused(page);
      expect(next).not.toBe(begin);
      expect(await picture.locator("[tabindex='0']").count()).toBe(1);
      await press(page, "Enter");
      await page.getByRole("heading", { name: next.split(",")[0]!, exact: true }).waitFor();
    });
  });

  test("a workspace is gone through to the one that is meant", async () => {
    const other = "another";
    const one = { format: 1, name: "one", nodes: { w: { kind: "wait", for: { signal: "go" } } }, edges: [] };
    await stage.engine.workflows.register(defineWorkflow(one), { workspace: other });
    await reading("/settings", async ({ page }) => {
      const choice = page.getByRole("navigation").getByLabel("Workspace");
      await choice.getByRole("option", { name: other }).waitFor({ state: "attached" });
      await choice.focus();
      await press(page, "ArrowUp");
      const go = page.getByRole("link", { name: "Go there" });
      await go.waitFor();
      expect(new URL(page.url()).search).toBe("");
      await press(page, "Tab", "Enter");
      await page.waitForURL(({ searchParams }) => searchParams.get("workspace") === other);
    });
  });

  test("what is folded keeps the focus when it is unfolded", async () => {
    await reading("/workflows/order", async ({ page }) => {
      const definition = page.getByRole("group", { name: "Definition" });
      await definition.getByRole("button", { name: "{ 6 members }" }).press("Enter");
      expect(await page.evaluate<string>("document.activeElement.ariaLabel")).toBe("Fold");
      await press(page, "Enter");
      expect(await focused(page)).toBe("{ 6 members }");
    });
  });

  test("another page has the focus once it is there", async () => {
    await reading("/workflows", async ({ page }) => {
      await page.getByRole("link", { name: "refund" }).press("Enter");
      await page.getByRole("heading", { name: "refund", level: 1 }).waitFor();
      expect(await page.evaluate<string>("document.activeElement.id")).toBe("main");
    });
  });
});
