// Prints the counts of the last test run: "812 passed, 0 failed, 3 skipped".
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(new URL("../coverage/tests.json", import.meta.url), "utf8"));
const skipped = report.numPendingTests + (report.numTodoTests ?? 0);
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
