import { expect, test } from "vitest";

// A blocked install script of the `node` package would fall back to the machine's own Node.js without a word.
test("npm scripts run under the Node.js of devDependencies", () => {
  expect(process.versions.node).toMatch(/^24\./);
});
