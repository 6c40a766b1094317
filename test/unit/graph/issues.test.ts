/** Every code that there is, once, with everything that is said about it. `hostile.test.ts` and the others look at the cases behind. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DefinitionError } from "../../../src/core/graph/definition-error.ts";
import { HINT_CODES, ISSUE_CODES, type IssueCode } from "../../../src/core/graph/issues.ts";
import { validateWorkflow, type ValidationResult } from "../../../src/core/graph/validate.ts";
import { catalogue } from "./documents.ts";
import { ISSUE_CASES } from "./issue-cases.ts";
import { TOLD } from "./issue-texts.ts";

const CODES = Object.keys(ISSUE_CODES).sort() as IssueCode[];
const HINTS = [
  "condition_without_else",
  "edge_never_taken",
  "event_unknown",
  "input_field_undeclared",
  "maybe_null",
];

function validated(code: IssueCode): ValidationResult {
  const { document, limits } = ISSUE_CASES[code];
  return validateWorkflow(document, catalogue, limits);
}

test("no code is without a case", () => {
  expect(Object.keys(ISSUE_CASES).sort()).toEqual(CODES);
  expect(Object.keys(TOLD).sort()).toEqual(CODES);
});

describe.each(CODES)("%s", (code) => {
  const { issues, ok, document } = validated(code);
  const found = issues.filter((issue) => issue.code === code);

  test("is reported once, with its place, what is wrong and what to do", () => {
    const severity = HINTS.includes(code) ? "hint" : "error";
    expect(found).toEqual([{ code, severity, ...TOLD[code] }]);
  });

  test("is a sentence, and so is its next step", () => {
    for (const { message, next } of found) {
      expect(message).toMatch(/^["`A-Z0-9].*[.]$/s);
      expect(next).toMatch(/^[A-Z].*[.?]$/s);
    }
  });

  test("refuses the document, unless it is a hint", () => {
    expect(ok).toBe(issues.every(({ severity }) => severity === "hint"));
    expect(document === null).toBe(!ok);
    expect(ok).toBe(HINTS.includes(code));
  });

  test("can be written into an error and an answer", () => {
    expect(JSON.parse(JSON.stringify(issues))).toEqual(issues);
    expect(new DefinitionError("w", issues).message).toContain("definition_invalid");
  });
});

test("hints are those that do not refuse", () => {
  expect([...HINT_CODES].sort()).toEqual(HINTS);
});

test("the reference lists every code with its sentence, and no other, and says whether it refuses", () => {
  const page = readFileSync(new URL("../../../docs/reference/validation.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^### `(\w+)`( \(hint\))?\n\n(.+)$/gm)];
  const known = CODES.map((code) => `${code}${HINTS.includes(code) ? " (hint)" : ""}: ${ISSUE_CODES[code]}`);
  expect(listed.map(([, code, hint = "", text]) => `${code}${hint}: ${text}`)).toEqual(known);
});

test("the reference has a cure for every code", () => {
  const page = readFileSync(new URL("../../../docs/reference/validation.md", import.meta.url), "utf8");
  const sections = page.split(/^### /m).slice(1);
  expect(sections).toHaveLength(CODES.length);
  for (const section of sections) {
    expect(section).toMatch(/^- Cause: .+/m);
    expect(section).toMatch(/^- Cure: .+/m);
  }
});
