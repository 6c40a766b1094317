/** A real browser for tests of pages: the one that `FLOWFORGE_TEST_BROWSER` names, else Chromium of this machine. */
import { type Browser, chromium } from "playwright-core";
import { programOf } from "./programs.ts";

const NO_BROWSER =
  "No browser for the tests: install it (apt-get install chromium, brew install --cask chromium) or set FLOWFORGE_TEST_BROWSER to its program.";
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** It asks nobody for anything but the page. */
const QUIET = [
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** Throws with what to install where there is none. */
export async function openBrowser(): Promise<Browser> {
  const executablePath =
    process.env["FLOWFORGE_TEST_BROWSER"] ?? (await programOf({ names: NAMES, debian: "chromium" }));
  if (executablePath === undefined) throw new Error(NO_BROWSER);
  // As root the browser has no sandbox of its own.
  const args = process.getuid?.() === 0 ? [...QUIET, "--no-sandbox"] : QUIET;
  return chromium.launch({ executablePath, args });
}
