/**
 * Holds the type tests beside this file to account: they are part of what `npm run types` compiles, that command is part of the
 * checks, and every line that shall not compile is still an error.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";

/** The compiler reads the whole library, on machines that do other things too. */
const COMPILES_MS = 240_000;
const ROOT = resolve(import.meta.dirname, "../../..");
const FILE = resolve(import.meta.dirname, "builder.test-d.ts");
const DIRECTIVE = /^\s*\/\/ @ts-expect-error .+$/;

const config = ts.getParsedCommandLineOfConfigFile(
  resolve(ROOT, "tsconfig.json"),
  {},
  {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(String(diagnostic.messageText));
    },
  },
);
const lines = readFileSync(FILE, "utf8").split("\n");
const expected = lines.flatMap((line, index) => (DIRECTIVE.test(line) ? [index] : []));

/** Zero-based lines of the errors in the type tests, whose text is `text`. */
function errorLines(text: string): readonly number[] {
  const options = { ...config?.options, noEmit: true };
  const host = ts.createCompilerHost(options, true);
  const { getSourceFile } = host;
  host.getSourceFile = (name, language, onError) =>
    resolve(name) === FILE
      ? ts.createSourceFile(name, text, language)
      : getSourceFile.call(host, name, language, onError);
  const program = ts.createProgram([FILE], options, host);
  const source = program.getSourceFile(FILE);
  return program
    .getSemanticDiagnostics(source)
    .map(({ start = 0 }) => ts.getLineAndCharacterOfPosition(source as ts.SourceFile, start).line);
}

describe("the type tests of the builder", () => {
  test("are among the files that the compiler checks", () => {
    expect(config?.fileNames.map((name) => resolve(name))).toContain(FILE);
  });

  test("are compiled by `npm run types`, which is a part of `npm run verify`", () => {
    const { scripts } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(scripts.types?.split(" && ")).toContain("tsc --noEmit");
    const verify = scripts.verify?.replace(/^node /, "") as string;
    expect(readFileSync(resolve(ROOT, verify), "utf8")).toContain('["types", "npm run --silent types"]');
  });

  describe("without their directives", () => {
    let found: readonly number[];
    beforeAll(() => {
      found = errorLines(lines.map((line) => line.replace(DIRECTIVE, "//")).join("\n"));
    }, COMPILES_MS);

    test("every line that shall not compile is an error, and no other", () => {
      expect(expected.length).toBeGreaterThan(40);
      // An error may be reported further on in a call of several lines, but before the next directive.
      const blamed = new Set(found.map((line) => expected.findLast((directive) => directive < line)));
      expect([...blamed]).toEqual(expected);
    });
  });
});
