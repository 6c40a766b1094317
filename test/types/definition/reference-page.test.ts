/** `docs/reference/definitions.md` says what is true: its examples compile and run, and its tables list the fields that there are. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument } from "../../../src/core/definition/schema.ts";
import { defineWorkflow, type Workflow } from "../../../src/index.ts";

/** The compiler reads the whole library, on machines that do other things too. */
const COMPILES_MS = 240_000;
const ROOT = resolve(import.meta.dirname, "../../..");
const INDEX = resolve(ROOT, "src/index.ts");
const page = readFileSync(resolve(ROOT, "docs/reference/definitions.md"), "utf8");

function blocks(language: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    ([, code]) => code as string,
  );
}

describe("the examples", () => {
  const workflows = new Map<string, Workflow>();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "flowforge-page-"));
    for (const [number, code] of blocks("ts").entries()) {
      const file = join(folder, `example${number}.ts`);
      const own = code
        .replaceAll('"flowforge"', JSON.stringify(pathToFileURL(INDEX).href))
        .replaceAll('"zod"', JSON.stringify(import.meta.resolve("zod")));
      await writeFile(file, own);
      const exported = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<
        string,
        Workflow
      >;
      for (const workflow of Object.values(exported)) workflows.set(workflow.name, workflow);
    }
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  test("in TypeScript and in JSON are the same documents", () => {
    const documents = blocks("json").map((text) => defineWorkflow(JSON.parse(text)).document);
    expect(documents.map(({ name }) => name).sort()).toEqual(["checkout", "weekly-report"]);
    for (const document of documents) {
      expect(JSON.stringify(workflows.get(document.name)?.document, null, 1)).toBe(
        JSON.stringify(document, null, 1),
      );
    }
  });

  test(
    "compile",
    () => {
      const options: ts.CompilerOptions = {
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        types: ["node"],
        paths: { flowforge: [INDEX] },
      };
      const files = new Map(
        blocks("ts").map((code, number) => [resolve(ROOT, `docs/example${number}.ts`), code]),
      );
      const host = ts.createCompilerHost(options);
      const { getSourceFile, fileExists } = host;
      host.fileExists = (name) => files.has(resolve(name)) || fileExists.call(host, name);
      host.getSourceFile = (name, language, onError) => {
        const code = files.get(resolve(name));
        return code === undefined
          ? getSourceFile.call(host, name, language, onError)
          : ts.createSourceFile(name, code, language);
      };
      const program = ts.createProgram([...files.keys()], options, host);
      const problems = [...files.keys()].flatMap((file) => {
        const source = program.getSourceFile(file) as ts.SourceFile;
        return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      });
      expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual(
        [],
      );
    },
    COMPILES_MS,
  );
});

describe("the tables", () => {
  const fieldsIn = (heading: string): readonly string[] => {
    const section = page.split(`\n${heading}\n`)[1]?.split("\n#")[0] ?? "";
    return [...section.matchAll(/^\| `(\w+)` +\|/gm)].map(([, field]) => field as string);
  };
  /** The fields that the message about an unknown field offers. */
  const fieldsOf = (document: object): readonly string[] => {
    const problem = parseDocument(document).problems.find(({ code }) => code === "field_unknown");
    return /^Use (.*?)\./.exec(problem?.next ?? "")?.[1]?.split(", ") ?? [];
  };
  const wrong = { xxxxxxxx: 1 };
  const document = { format: 1, name: "w", nodes: {}, edges: [] };
  const withNode = (node: object): object => ({ ...document, nodes: { a: { ...node, ...wrong } } });

  test.each<[string, object]>([
    ["## The document", { ...document, ...wrong }],
    ["### An edge", { ...document, edges: [{ from: "a", to: "b", ...wrong }] }],
    ["### A trigger", withNode({ kind: "trigger" })],
    ["### An action", withNode({ kind: "action", action: "x" })],
    ["### A condition", withNode({ kind: "condition", cases: [{ outcome: "a", if: "true" }] })],
    ["### A wait", withNode({ kind: "wait", for: { duration: 1 } })],
  ])("%s lists every field and no other", (heading, example) => {
    expect(fieldsOf(example).length).toBeGreaterThan(0);
    expect([...fieldsIn(heading)].sort()).toEqual([...fieldsOf(example)].sort());
  });
});
