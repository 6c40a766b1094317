/**
 * What starts runs, and what is of the whole installation, in a real browser: every action of schedules, webhooks, polls, events, workflows and
 * credentials, the workers, the choice of a workspace, what an operator of none is refused, and data that is made to harm.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defineWorkflow } from "../../src/index.ts";
import { shortId } from "../../src/http/dashboard/web/format.ts";
import { openBrowser } from "../support/browser.ts";
import { openReader, readingOf } from "./reader.ts";
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

/** Answers the question of the dialog that is open. */
async function confirm(page: Page, answer: string): Promise<void> {
  await page.getByRole("dialog").getByRole("button", { name: answer, exact: true }).click();
}

async function runsOf(workflow: string): Promise<number> {
  return (await stage.engine.runs.list({ workspace, workflow })).items.length;
}

describe("schedules", () => {
  test("one is paused, resumed, and started now", async () => {
    const schedule = { workspace, workflow: "nightly-report", trigger: "night" };
    await reading("/schedules", async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: "nightly-report" });
      await row.getByRole("button", { name: "Pause" }).click();
      await row.getByText("paused").waitFor();
      expect(await stage.engine.schedules.get(schedule)).toMatchObject({ paused: true });
      await row.getByRole("button", { name: "Resume" }).click();
      await row.getByText("enabled").waitFor();
      await row.getByRole("button", { name: "Start now" }).click();
      await confirm(page, "Start now");
      await page.getByText("A run was started.").waitFor();
    });
    expect(await stage.engine.schedules.get(schedule)).toMatchObject({ paused: false });
    expect(await runsOf("nightly-report")).toBe(1);
  });

  test("one that was set by a call is deleted", async () => {
    const named = { workspace, workflow: "welcome", name: "every-day" };
    await stage.engine.schedules.set({ ...named, every: "24h", input: { name: "Grace" } });
    await reading("/schedules", async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: "every-day" });
      await row.getByRole("button", { name: "Delete" }).click();
      await confirm(page, "Delete");
      await row.waitFor({ state: "detached" });
    });
    expect(await stage.engine.schedules.get(named)).toBeNull();
  });
});

test("a delivery that was rejected is found by its reason, and replayed", async () => {
  const strict = defineWorkflow({
    format: 1,
    name: "strict-hook",
    input: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
    nodes: {
      hook: {
        kind: "trigger",
        source: { type: "webhook", path: "strict", signature: { scheme: "none" } },
      },
      book: { kind: "action", action: "shop.ok", input: { id: "{{ input.id }}" } },
    },
    edges: [{ from: "hook", to: "book" }],
  });
  await stage.engine.workflows.register(strict, { workspace });
  const hook = stage.url.replace("/dashboard", `/webhooks/${workspace}/strict`);
  const answer = await fetch(hook, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"no":"<img src=x onerror=alert(1)>"}`,
  });
  expect(answer.status).toBe(422);
  // The workflow learns to take it.
  const kind = defineWorkflow({ ...strict.document, input: { type: "object" } });
  await stage.engine.workflows.register(kind, { workspace });
  await reading("/webhooks", async ({ page }) => {
    await page.getByLabel("Status").selectOption("rejected");
    const row = page
      .getByRole("group", { name: "Deliveries" })
      .getByRole("row")
      .filter({ hasText: "strict" });
    await row.getByText("rejected").waitFor();
    await row.getByRole("button", { name: "Replay" }).click();
    await confirm(page, "Replay");
    await page.getByText("The delivery was taken in.").waitFor();
    await page.getByLabel("Status").selectOption("accepted");
    await row.getByRole("link").waitFor();
  });
  expect(await runsOf("strict-hook")).toBe(1);
});

describe("polls", () => {
  test("one is paused, resumed, asked now, and says why it failed", async () => {
    const poll = { workspace, workflow: "letters", trigger: "mail" };
    await reading("/polls", async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: "letters" });
      await row.getByRole("button", { name: "Pause" }).click();
      await row.getByText("paused").waitFor();
      expect(await stage.engine.polls.get(poll)).toMatchObject({ paused: true });
      await row.getByRole("button", { name: "Resume" }).click();
      await row.getByText("enabled").waitFor();
      await row.getByRole("button", { name: "Ask now" }).click();
      await page.getByText("It is asked as soon as a worker comes to it.").waitFor();
      await row.getByText("How far it has come").click();
      await row.getByText('"page"').waitFor();
      const failed = page.getByRole("row").filter({ hasText: "postcards" });
      await failed.getByText("The mail server is away: <b>maintenance</b>").waitFor();
    });
  });
});

test("an event is published, what it starts is seen as it happens, and what became of it", async () => {
  await reading("/events", async ({ page }) => {
    await page.getByText("as it happens").waitFor();
    await page.getByRole("button", { name: "Publish an event" }).click();
    await page.getByLabel("Name", { exact: true }).fill("order.paid");
    await page.getByLabel("Id (may be left out)").fill("pay-<i>7</i>");
    await page.getByLabel("Payload (JSON)").fill('{"order":"ord_7"}');
    await confirm(page, "Publish an event");
    await page.getByText("It woke 0 runs and started 1.").waitFor();
    const row = page.getByRole("group", { name: "Published events" }).getByRole("row");
    await row.filter({ hasText: "pay-<i>7</i>" }).waitFor();
    const now = page.getByRole("group", { name: "What happens now" }).getByRole("row");
    await now.filter({ hasText: "thanks" }).filter({ hasText: "succeeded" }).waitFor();
    await page.getByLabel("only with refusals").check();
    await page.getByText("Nothing like that was published.").waitFor();
  });
  expect(await stage.engine.events.get("pay-<i>7</i>", { workspace })).toMatchObject({ started: 1 });
});

test("what is no JSON is said to be none, and nothing is published", async () => {
  await reading("/events", async ({ page }) => {
    await page.getByRole("button", { name: "Publish an event" }).click();
    await page.getByLabel("Name", { exact: true }).fill("order.lost");
    await page.getByLabel("Payload (JSON)").fill("{ no");
    await confirm(page, "Publish an event");
    await page.getByRole("dialog").getByRole("alert").getByText("This is no JSON").waitFor();
  });
  const { items } = await stage.engine.events.list({ workspace, name: "order.lost" });
  expect(items).toEqual([]);
});

test("a workflow is disabled and enabled", async () => {
  await reading("/workflows/refund", async ({ page }) => {
    await page.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.locator(".page-note").getByText("disabled").waitFor();
    await page.getByRole("button", { name: "Enable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Enable" }).click();
    await page.locator(".page-note").getByText("enabled").waitFor();
  });
});

test("a credential is set and deleted, and its value is nowhere on the page", async () => {
  await reading("/credentials", async ({ page }) => {
    await page.getByRole("button", { name: "Set a credential" }).click();
    await page.getByLabel("Name").fill("mailer");
    await page.getByRole("button", { name: "One more field" }).click();
    await page.getByRole("button", { name: "Leave out field 2" }).click();
    await page.getByLabel("Value").fill("very-secret-value");
    await page.getByLabel("Only for hosts").fill("mail.example, *.mail.example");
    await page.getByRole("dialog").getByRole("button", { name: "Set a credential" }).click();
    const row = page.getByRole("row").filter({ hasText: "mailer" });
    await row.getByText("mail.example, *.mail.example").waitFor();
    expect(await page.content()).not.toContain("very-secret-value");
    // With another value it is for the same hosts.
    await row.getByRole("button", { name: "Replace" }).click();
    await page.getByLabel("Value").fill("another-secret-value");
    await confirm(page, "Replace");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const { items } = await stage.engine.credentials.list({ workspace });
    expect(items).toMatchObject([{ name: "mailer", allowHosts: ["mail.example", "*.mail.example"] }]);
    expect(await page.content()).not.toContain("another-secret-value");
    await row.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await row.waitFor({ state: "detached" });
  });
});

test("a group of dead letters is found by its error and completed with one output", async () => {
  const input = { id: "ord_x" };
  const runs = await Promise.all([1, 2].map(() => stage.engine.runs.start("refund", { workspace, input })));
  await Promise.all(runs.map((run) => run.result({ timeout: "30s" }).catch(() => null)));
  await reading("/dead-letters", async ({ page }) => {
    const rows = page.getByRole("group", { name: "Groups" }).getByRole("row");
    const group = rows.filter({ hasText: "does not know payment" });
    await group.waitFor();
    const search = page.getByLabel("Text of the error");
    await search.fill("no such error");
    await group.waitFor({ state: "detached" });
    await search.fill("ACCOUNT closed");
    await group.getByRole("button", { name: "Complete all" }).click();
    await page.getByLabel("Output (JSON)").fill('{"refunded":false}');
    await confirm(page, "Complete all");
    await page.getByText("2 done.").waitFor();
    await page.getByText("No node has given up.").waitFor();
  });
  const results = await Promise.all(runs.map((run) => run.result({ timeout: "30s" })));
  expect(JSON.stringify(results)).toContain('"refunded":false');
});

describe("who did what", () => {
  test("an action is in the audit with its actor, and found by it", async () => {
    await stage.engine.runs.start("welcome", { workspace, input: { name: "Audrey" } });
    await reading("/workflows/welcome", async ({ page }) => {
      await page.getByRole("button", { name: "Disable" }).click();
      await confirm(page, "Disable");
      await page.locator(".page-note").getByText("disabled").waitFor();
      await page.getByRole("button", { name: "Enable" }).click();
      await confirm(page, "Enable");
      await page.locator(".page-note").getByText("enabled").waitFor();
      await page.getByRole("link", { name: "Audit" }).click();
      await page.getByLabel("What", { exact: true }).fill("workflows.disable");
      const row = page.getByRole("group", { name: "Audit" }).getByRole("row");
      await row.filter({ hasText: "ada@shop.example" }).filter({ hasText: "welcome" }).first().waitFor();
      await page.getByLabel("Who", { exact: true }).fill("nobody@shop.example");
      await page.getByText("Nobody has done anything like that.").waitFor();
    });
  });
});

describe("the whole installation", () => {
  test("workers are listed with what they do", async () => {
    await reading("/workers", async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: String(process.pid) });
      await row.getByText("alive").waitFor();
      await row.getByText(stage.engine.workerId!).waitFor();
    });
  });

  test("a workspace is chosen, and every page is of that one", async () => {
    const other = `the other's <b>"&`;
    const greeting = {
      format: 1,
      name: "greeting",
      nodes: { w: { kind: "wait", for: { signal: "go" } } },
      edges: [],
    };
    await stage.engine.workflows.register(defineWorkflow(greeting), { workspace: other });
    const run = await stage.engine.runs.start("greeting", { workspace: other });
    await reading("/", async ({ page }) => {
      await page.getByRole("navigation").getByLabel("Workspace").selectOption(other);
      await page.getByRole("link", { name: "greeting" }).waitFor();
      await page.getByRole("button", { name: "All workspaces" }).click();
      await page.getByRole("group", { name: "Whose work is shown" }).waitFor();
      await page.getByRole("link", { name: "Runs", exact: true }).click();
      await page.getByRole("link", { name: shortId(run.id) }).click();
      await page.getByRole("button", { name: "Send “go”" }).click();
      await confirm(page, "Send “go”");
      await page.locator(".page-note").getByText("succeeded").waitFor();
      await page.getByRole("link", { name: "Workspaces" }).click();
      await page.getByRole("link", { name: workspace, exact: true }).click();
      // What is clicked before the other page is there would be clicked on this one.
      await page.waitForURL(({ searchParams }) => searchParams.get("workspace") === workspace);
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      await page.getByRole("link", { name: "Workflows", exact: true }).click();
      await page.getByRole("link", { name: "nightly-report" }).waitFor();
    });
  });

  test("who is no operator has neither the pages nor the choice, and is refused another workspace by its address", async () => {
    const url = await stage.serve({ authorize: () => ({ workspace }) });
    await reading(
      "/workflows",
      async ({ page }) => {
        const titles = await page.getByRole("navigation").getByRole("link").allTextContents();
        expect(titles).not.toContain("Workers");
        expect(titles).not.toContain("Workspaces");
        expect(await page.getByRole("navigation").getByRole("combobox").count()).toBe(0);
      },
      { url },
    );
    await using reader = await openReader(browser, `${url}?workspace=other`);
    const answer = await reader.page.goto(`${url}?workspace=other`);
    expect(answer!.status()).toBe(403);
  });

  test("another site's page can neither write nor listen, and no page can frame the dashboard", async () => {
    const api = stage.url.replace("/dashboard", "");
    const headers = { "sec-fetch-site": "cross-site", origin: "https://evil.example" };
    const write = await fetch(`${api}/workflows/welcome/disable`, { method: "POST", headers });
    const listen = await fetch(`${api}/feed`, { headers });
    expect([write.status, listen.status]).toEqual([403, 403]);
    const page = await fetch(stage.url);
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(await stage.engine.workflows.list({ workspace })).toContainEqual(
      expect.objectContaining({ name: "welcome", enabled: true }),
    );
  });
});

describe("data that is made to harm", () => {
  const evil = [
    `<img src=x onerror="document.title='taken'">`,
    `</script><script>document.title='taken'</script>`,
    `<svg onload="document.title='taken'"></svg>`,
    `javascript:document.title='taken'`,
    `\u001b[31mred\u001b[0m\u202Egnp.exe`,
    `{{constructor.constructor('document.title=1')()}}`,
  ];

  test("is shown as text, wherever it stands", async () => {
    const text = evil.join(" ");
    const deep = Array.from({ length: 60 }).reduce<unknown>((inner) => ({ [evil[0]!]: inner }), text);
    const input = { id: text, deep, large: `${evil[0]}${"x".repeat(100_000)}` };
    const labels = { [evil[0]!.slice(0, 60)]: evil[1]! };
    const run = await stage.engine.runs.start("refund", { workspace, input, labels });
    await run.result({ timeout: "20s" }).catch(() => null);
    const hook = stage.url.replace("/dashboard", `/webhooks/${workspace}/payments`);
    await fetch(hook, { method: "POST", headers: { "content-type": evil[3]! }, body: text });
    await using reader = await openReader(browser, stage.url);
    for (const place of [
      "/",
      "/runs",
      `/runs/${run.id}`,
      "/dead-letters",
      "/webhooks",
      `/runs/${encodeURIComponent(text)}`,
    ]) {
      await reader.open(place);
      for (const fold of await reader.page.locator("summary, .j-fold[aria-expanded=false]").all()) {
        await fold.click();
      }
      expect(await reader.page.title()).toContain("FlowForge");
      expect(await reader.page.locator("main img, main script, main a[href^='javascript']").count()).toBe(0);
    }
    await reader.open(`/runs/${run.id}`);
    await reader.page.getByText(evil[0]!).first().waitFor();
    // What there is not is asked for once, and answered with 404: the browser itself notes that.
    expect(reader.troubles.filter((trouble) => !trouble.includes("404"))).toEqual([]);
  });
});
