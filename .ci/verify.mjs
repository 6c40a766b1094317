// npm run verify: every check, in the order in which they are quick to fail. Stops at the first that fails.
import { spawnSync } from "node:child_process";

const steps = [
  ["format", "prettier --check --log-level warn ."],
  ["lint", "oxlint --type-aware --deny-warnings"],
  ["types", "npm run --silent types"],
  ["unused code", "knip"],
  // The suite is not run twice where it has just been run on the same files.
  ...(process.env.FLOWFORGE_TESTS_RAN === "1" ? [] : [["tests", "npm test"]]),
  ["build", "npm run --silent build"],
  ["package", "npm run --silent check-package"],
];

for (const [name, command] of steps) {
  const startedAt = Date.now();
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (status !== 0) {
    console.error(`verify: ${name} failed (${command})`);
    process.exit(1);
  }
  console.log(`verify: ${name} ok, ${seconds} s`);
}
