/** What somebody does on a page of the dashboard, and what he sees when it is done: for measuring how long that takes. */
import type { Page } from "playwright-core";

export interface Step {
  readonly what: string;
  /** Where, and a run of which workflow, if it is the page of one. */
  readonly address: string;
  readonly of?: string;
  /** Resolves when the effect is seen. */
  act(page: Page): Promise<unknown>;
}

const NO_RUNS = "No runs here.";

async function pick(page: Page, node: string): Promise<void> {
  const picture = page.getByRole("group", { name: "Nodes of the workflow" });
  await picture.getByRole("button", { name: new RegExp(`^${node},`) }).press("Enter");
  await page.getByRole("heading", { name: node, exact: true }).waitFor();
}

/** Until what was done has been answered. Who waits for a text alone looks for it more and more seldom, and sees it up to half a second late. */
async function answered(page: Page, address: string, done: Promise<unknown>): Promise<void> {
  await Promise.all([page.waitForResponse((response) => response.url().includes(address)), done]);
}

export const STEPS: readonly Step[] = [
  {
    what: "overview: the last 30 days",
    address: "/",
    act: (page) => answered(page, "step=8h", page.getByRole("button", { name: "30 days" }).click()),
  },
  {
    what: "from the overview to the runs",
    address: "/",
    act: async (page) => {
      await page.getByRole("navigation").getByRole("link", { name: "Runs", exact: true }).click();
      await page.getByRole("group", { name: "Runs", exact: true }).waitFor();
    },
  },
  {
    what: "runs: the next page",
    address: "/runs",
    act: async (page) => {
      await page.getByRole("button", { name: "Older" }).click();
      await page.getByText("Page 2").waitFor();
    },
  },
  {
    what: "runs: by status",
    address: "/runs",
    act: async (page) => {
      await page.getByRole("button", { name: "cancelling", exact: true }).click();
      await page.getByText(NO_RUNS).waitFor();
    },
  },
  {
    what: "runs: by label, with the pause after typing",
    address: "/runs",
    act: async (page) => {
      await answered(page, "label=", page.getByRole("searchbox", { name: "Label" }).fill("no:such"));
      await page.getByText(NO_RUNS).waitFor();
    },
  },
  {
    what: "runs: by error, with the pause after typing",
    address: "/runs",
    act: async (page) => {
      await answered(page, "error=", page.getByLabel("Error").fill("no such error"));
      await page.getByText(NO_RUNS).waitFor();
    },
  },
  { what: "run: a node", address: "/runs/", of: "refund", act: (page) => pick(page, "look") },
  {
    what: "run of a map: its items",
    address: "/runs/",
    of: "import-contacts",
    act: (page) => pick(page, "each"),
  },
  {
    what: "workflow of 200 nodes: a node",
    address: "/workflows/wide",
    act: (page) => pick(page, "step_1_1"),
  },
  {
    what: "workflow: the form of a start",
    address: "/workflows/order",
    act: async (page) => {
      await page.getByRole("button", { name: "Start a run" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    what: "dead letters: by text",
    address: "/dead-letters",
    act: async (page) => {
      await page.getByLabel("Text of the error").fill("no such error");
      await page.getByText("No group has this text").waitFor();
    },
  },
  {
    what: "dead letters: a group",
    address: "/dead-letters",
    act: async (page) => {
      await page.getByRole("button", { name: "refund", exact: true }).click();
      await page.getByRole("heading", { name: "Open at refund" }).waitFor();
    },
  },
];
