/** Somebody at a browser who notices everything that goes wrong on a page. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";

export interface Look {
  readonly width: number;
  readonly colours: "light" | "dark";
}

export const DESK: Look = { width: 1_400, colours: "light" };

export interface Reader extends AsyncDisposable {
  readonly page: Page;
  /** Errors on the console, uncaught ones, violated policies and dialogs so far. */
  readonly troubles: readonly string[];
  /** Opens a place of the dashboard, as `/runs`, and waits until everything that it asks for has come. */
  open(place: string): Promise<void>;
  /** What the accessibility check of this page says: all of its rules, or these. */
  violations(rules?: readonly string[]): Promise<readonly string[]>;
  /** How many pixels of the page are beyond the right edge of the window. */
  overhang(): Promise<number>;
  /** Into the folder that `FLOWFORGE_SCREENSHOTS` names; none without it. */
  picture(name: string): Promise<void>;
}

export async function openReader(browser: Browser, url: string, look: Look = DESK): Promise<Reader> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: 900 },
    colorScheme: look.colours,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(100_000);
  const page = await context.newPage();
  const troubles: string[] = [];
  await watch(context, page, troubles);
  return {
    page,
    troubles,
    open: async (place) => {
      await page.goto(`${url}#${place}`);
      await page.locator("main h1").waitFor();
      await page.locator(".loading").first().waitFor({ state: "detached" });
    },
    violations: async (rules) => {
      // Going from one page of the dashboard to another one keeps it.
      if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe.source);
      const options = JSON.stringify({ resultTypes: ["violations"], ...(rules ? { runOnly: rules } : {}) });
      // What is in order has many more elements: of a large page they would be megabytes.
      const violations = await page.evaluate<AxeResults["violations"]>(
        `axe.run(document, ${options}).then(({ violations }) => violations)`,
      );
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
    },
    overhang: () => page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth"),
    picture: async (name) => {
      const folder = process.env["FLOWFORGE_SCREENSHOTS"];
      if (folder === undefined) return;
      mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

interface ReadingOptions {
  /** Another dashboard than the one that is meant otherwise. */
  readonly url?: string;
  readonly look?: Look;
}

/**
 * A function that reads one place, on a page that begins anew and must be without trouble at the end. Whoever reads the same dashboard with the same
 * look is the same reader, because a new one costs more than most of what is read; he is gone with the browser. `dashboard` is asked for each
 * time, because a test opens it later than it says this.
 */
export function readingOf(
  dashboard: () => { readonly browser: Browser; readonly url: string },
): (place: string, read: (reader: Reader) => Promise<void>, options?: ReadingOptions) => Promise<void> {
  const readers = new Map<string, Promise<Reader>>();
  return async (place, read, options = {}) => {
    const { browser, url } = dashboard();
    const { look = DESK } = options;
    const name = `${look.width} ${look.colours} ${options.url ?? url}`;
    const known = readers.get(name) ?? openReader(browser, options.url ?? url, look);
    readers.set(name, known);
    const reader = await known;
    const before = reader.troubles.length;
    await reader.page.goto("about:blank");
    await reader.open(place);
    await read(reader);
    expect(reader.troubles.slice(before)).toEqual([]);
  };
}

/** Runs in the page. */
const TELL_VIOLATIONS = `document.addEventListener("securitypolicyviolation", (event) =>
  flowforgeTrouble("policy " + event.violatedDirective + ": " + event.blockedURI))`;

async function watch(context: BrowserContext, page: Page, troubles: string[]): Promise<void> {
  await context.exposeFunction("flowforgeTrouble", (text: string) => void troubles.push(text));
  await context.addInitScript({ content: TELL_VIOLATIONS });
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => troubles.push(`uncaught: ${error.message}`));
  page.on("dialog", (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}
