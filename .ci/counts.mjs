// Prints the counts of the last test run: per backend, then as a whole ("812 passed, 0 failed, 3 skipped").
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(new URL("../coverage/tests.json", import.meta.url), "utf8"));
const tests = report.testResults.flatMap((file) =>
  file.assertionResults.map((test) => ({ file: file.name, status: test.status, name: test.fullName })),
);

const backends = [
  ["PostgreSQL", ({ name }) => name.includes("(postgres)")],
  ["PostgreSQL + Redis", ({ name }) => name.includes("(postgres+redis)")],
  ["embedded", ({ file }) => file.includes("/integration/embedded/")],
];
for (const [backend, isOn] of backends) {
  const on = tests.filter(isOn);
  const passed = on.filter(({ status }) => status === "passed").length;
  console.log(`on ${backend}: ${passed} of ${on.length} passed`);
}

const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
