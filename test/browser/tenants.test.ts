/** What a workspace may use, what it has and its end, and circuit breakers, in a real browser: each is done by who may, and by nobody else. */
import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defineWorkflow, type RunHandle } from "../../src/index.ts";
import { openBrowser } from "../support/browser.ts";
import { DESK, openReader, readingOf } from "./reader.ts";
import { openStage, type Stage, WORKSPACE } from "./stage.ts";

// A browser is the last to come to its turn on a machine that has much to do.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const workspace = WORKSPACE;
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

describe("limits", () => {
  test("are set for another workspace with the form, hold, and are in that one's audit", async () => {
    const other = 'acme <b>"&';
    const simple = {
      format: 1,
      name: "one",
      nodes: { w: { kind: "wait", for: { signal: "go" } } },
      edges: [],
    };
    await stage.engine.workflows.register(defineWorkflow(simple), { workspace: other });
    await reading("/workspaces", async ({ page }) => {
      await page.getByRole("link", { name: `Limits and data of ${other}` }).click();
      await page.getByRole("heading", { name: `Workspace ${other}` }).waitFor();
      await page.getByText("Nobody has set any for this workspace").waitFor();
      await page.getByRole("button", { name: "Set limits" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Plan (may be left out)").fill("pro");
      const rate = dialog.getByRole("group", { name: /^Rate:/ });
      await rate.getByLabel("Rate").selectOption("set here");
      await rate.getByLabel("How many").fill("60");
      await rate.getByLabel("Every").fill("1m");
      await dialog.getByLabel("Queued", { exact: true }).selectOption("no limit");
      const concurrency = dialog.getByRole("group", { name: /^Concurrency:/ });
      await concurrency.getByLabel("Concurrency").selectOption("set here");
      await concurrency.getByLabel("How many").fill("80");
      await dialog.getByRole("button", { name: "Set limits" }).click();
      const row = page.getByRole("group", { name: "Limits", exact: true }).getByRole("row");
      await row.filter({ hasText: "Rate" }).getByText("60 every 1m").waitFor();
      await row.filter({ hasText: "Concurrency" }).getByText("80").first().waitFor();
      const entry = page.getByRole("group", { name: "Who set limits" }).getByRole("row");
      await entry.filter({ hasText: "ada@shop.example" }).getByText("done").waitFor();
    });
    const set = { plan: "pro", rate: { limit: 60, per: "1m" }, concurrency: 80, queued: null };
    expect(await stage.engine.workspaces.getLimits(other)).toMatchObject({
      set,
      inForce: { rate: { perSecond: 1 }, concurrency: 80, queued: null, weight: 3 },
    });
    const { items } = await stage.engine.audit.list({ workspace: other });
    expect(items).toMatchObject([{ action: "workspaces.setLimits", details: set }]);
  });

  test("that are none are refused with the reason, and what was set stays", async () => {
    await stage.engine.workspaces.setLimits(workspace, { concurrency: 9 });
    await using reader = await openReader(browser, stage.url);
    await reader.open("/workspace");
    const { page } = reader;
    await page.getByRole("button", { name: "Set limits" }).click();
    const dialog = page.getByRole("dialog");
    const amount = dialog.getByRole("group", { name: /^Concurrency:/ }).getByLabel("How many");
    expect(await amount.inputValue()).toBe("9");
    // The browser itself lets no number below 1 through, so that the dialog stays.
    await amount.fill("0");
    await dialog.getByRole("button", { name: "Set limits" }).click();
    await amount.fill("12");
    await dialog.getByLabel("Plan (may be left out)").fill("platinum");
    await dialog.getByRole("button", { name: "Set limits" }).click();
    await dialog.getByRole("alert").getByText("workspaces.plans").waitFor();
    // What somebody else has set meanwhile is not taken away unseen.
    await stage.engine.workspaces.setLimits(workspace, { concurrency: 9, weight: 2 });
    await dialog.getByLabel("Plan (may be left out)").fill("");
    await dialog.getByRole("button", { name: "Set limits" }).click();
    await dialog.getByRole("alert").getByText("Somebody else has set other limits").waitFor();
    // That it is refused, the browser itself notes.
    expect(reader.troubles.filter((trouble) => !trouble.includes("400"))).toEqual([]);
    expect((await stage.engine.workspaces.getLimits(workspace)).set).toEqual({ concurrency: 9, weight: 2 });
  });

  test.each([
    ["light", DESK],
    ["dark", { width: 1_400, colours: "dark" }],
    ["narrow", { width: 360, colours: "light" }],
  ] as const)("the forms are without a barrier, %s", async (name, look) => {
    await reading(
      "/workspace",
      async (reader) => {
        const { page } = reader;
        await page.getByRole("button", { name: "Set limits" }).click();
        for (const kind of [/^Rate:/, /^Concurrency:/])
          await page.getByRole("group", { name: kind }).getByRole("combobox").selectOption("set here");
        await reader.picture(`limits-form-${name}`);
        expect(await reader.violations()).toEqual([]);
        expect(await reader.overhang()).toBe(0);
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Delete all of it" }).click();
        await reader.picture(`delete-form-${name}`);
        expect(await reader.violations()).toEqual([]);
        expect(await reader.overhang()).toBe(0);
      },
      { look },
    );
  });
});

describe("what a workspace has", () => {
  test("is counted, exported, and deleted only when its name is typed", async () => {
    const leaving = "leaving";
    const one = { format: 1, name: "one", nodes: { w: { kind: "wait", for: { signal: "go" } } }, edges: [] };
    await stage.engine.workflows.register(defineWorkflow(one), { workspace: leaving });
    const run = await stage.engine.runs.start("one", { workspace: leaving });
    await reading(`/workspaces/${leaving}`, async ({ page }) => {
      const panel = page.getByRole("region", { name: "What it has" });
      await panel.getByRole("button", { name: "Count" }).click();
      await panel.getByText("Data keys").waitFor();
      expect(
        await panel.locator("div").filter({ hasText: /^Runs/ }).locator("dd").first().textContent(),
      ).toBe("1");
      const download = page.waitForEvent("download");
      await panel.getByRole("link", { name: "Export" }).click();
      const file = await (await download).path();
      const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
      expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toContain("run");

      await panel.getByRole("button", { name: "Delete all of it" }).click();
      const dialog = page.getByRole("dialog");
      const yes = dialog.getByRole("button", { name: "Delete all of it" });
      expect(await yes.isDisabled()).toBe(true);
      await dialog.getByLabel("Type the name of the workspace").fill("leavin");
      expect(await yes.isDisabled()).toBe(true);
      await dialog.getByLabel("Type the name of the workspace").fill(leaving);
      await yes.click();
      await page.getByText("leaving is deleted, with 1 run and 1 version of workflows.").waitFor();
      await page.getByRole("heading", { name: "Workspaces", exact: true }).waitFor();
    });
    expect(await stage.engine.runs.get(run.id, { workspace: leaving })).toBeNull();
    expect(await stage.engine.workspaces.get(leaving)).toBeNull();
  });

  test("is seen by a customer for his own, who neither sets nor deletes anything", async () => {
    const url = await stage.serve({ authorize: () => ({ workspace }) });
    await reading(
      "/workspace",
      async ({ page }) => {
        await page.getByRole("heading", { name: `Workspace ${workspace}` }).waitFor();
        await page.getByRole("region", { name: "Limits", exact: true }).getByText("Concurrency").waitFor();
        await page.getByRole("link", { name: "Export" }).waitFor();
        expect(await page.getByRole("button", { name: "Set limits" }).count()).toBe(0);
        expect(await page.getByRole("button", { name: "Delete all of it" }).count()).toBe(0);
      },
      { url },
    );
  });
});

describe("breakers", () => {
  test("one is opened by hand, holds back a run, and lets it go when it is closed", async () => {
    await reading("/breakers", async ({ page }) => {
      await page.getByText("All circuit breakers are closed").waitFor();
      await page.getByRole("button", { name: "Open a breaker" }).click();
      await page.getByRole("dialog").getByLabel("Name").fill("shop.ok");
      await page.getByRole("dialog").getByRole("button", { name: "Open a breaker" }).click();
      const row = page.getByRole("row").filter({ hasText: "shop.ok" });
      await row.getByText("by hand, until it is closed").waitFor();
      // An engine hears of it within about a second; what is started after that is parked.
      const runs: RunHandle[] = [];
      await vi.waitFor(
        async () => {
          runs.push(await stage.engine.runs.start("welcome", { workspace, input: { name: "Joan" } }));
          const { items } = await stage.engine.breakers.list({ workspace });
          expect(items.map(({ parked }) => parked)).not.toContain(0);
        },
        { timeout: 30_000, interval: 200 },
      );
      await row.getByRole("button", { name: "Close" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await Promise.all(runs.map((run) => run.result({ timeout: "60s" })));
      await page.getByText("All circuit breakers are closed").waitFor();
    });
  });

  test("one that opened by itself says how much failed, and is kept open", async () => {
    const opened = new Promise((resolve) => stage.engine.on("breaker.opened", resolve));
    await stage.engine.runs.startMany(
      "parcel",
      Array.from({ length: 6 }, () => ({ workspace })),
    );
    await opened;
    await reading("/breakers", async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: "shop.carrier" });
      await row.getByText("100 %").waitFor();
      await row.getByRole("button", { name: "Keep open" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Keep open" }).click();
      await row.getByText("by hand, until it is closed").waitFor();
    });
    const { items } = await stage.engine.breakers.list({ workspace });
    const carrier = { name: "shop.carrier", phase: "open", byHand: true, failed: 3 };
    expect(items).toContainEqual(expect.objectContaining(carrier));
  });
});
