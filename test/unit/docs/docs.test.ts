/** What the pages say about files and options is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { createEngine, defineAction, FlowForgeError } from "../../../src/index.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const pages = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join("docs", name)),
];

describe.each(pages)("%s", (page) => {
  const text = readFileSync(path.join(root, page), "utf8");

  test("leads to pages that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link]) => link!);
    const missing = links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)));
    expect(missing).toEqual([]);
  });

  test("has code that is JSON where it says so", () => {
    for (const [, code] of text.matchAll(/^```json\n([\s\S]*?)^```/gm)) {
      expect(() => JSON.parse(code!) as unknown).not.toThrow();
    }
  });
});

/** The names that `createEngine` says it knows. */
function known(options: object): readonly string[] {
  try {
    createEngine(options);
  } catch (error) {
    if (FlowForgeError.is(error)) return error.expected!.replace("one of ", "").split(", ");
  }
  throw new Error("nothing was refused");
}

test("docs/reference/options.md lists every option of createEngine, and no other", () => {
  const text = readFileSync(path.join(root, "docs/reference/options.md"), "utf8");
  const listed = [...text.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name!);
  const groups = {
    worker: known({ worker: { none: 1 } }),
    logs: known({ logs: { none: 1 } }),
    audit: known({ audit: { none: 1 } }),
    limits: known({ limits: { none: 1 } }),
    workspaces: known({ workspaces: { none: 1 } }),
    http: known({ http: { none: 1 } }),
    sandbox: known({ sandbox: { none: 1 } }),
    queues: known({ queues: { allow: [], none: 1 } }),
  };
  const all = known({ none: 1 }).flatMap((name) =>
    name in groups ? groups[name as keyof typeof groups].map((inner) => `${name}.${inner}`) : [name],
  );
  expect(listed.sort()).toEqual(all.sort());
});

test("docs/reference/actions.md lists every field of defineAction, and no other", () => {
  const text = readFileSync(path.join(root, "docs/reference/actions.md"), "utf8");
  const [, table] = text.split("## What `defineAction` takes");
  const [fields] = table!.split("## Effect classes");
  const listed = [...fields!.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name!);
  try {
    defineAction({ name: "a", run: () => null, none: 1 } as Parameters<typeof defineAction>[0]);
    expect.unreachable("an unknown field was taken");
  } catch (error) {
    expect((error as FlowForgeError).expected).toBe(`the fields ${listed.join(", ")}`);
  }
});
