import { expect } from "vitest";
import type { StoreContractTools } from "../../../src/testing.ts";

/** A framework that runs nothing: it keeps the titles and the tests. */
export function collector(): {
  readonly tests: Map<string, () => Promise<void>>;
  readonly tools: StoreContractTools;
} {
  const tests = new Map<string, () => Promise<void>>();
  const path: string[] = [];
  const describe = (title: string, body: () => void): void => {
    path.push(title);
    body();
    path.pop();
  };
  const add = (title: string, body: () => Promise<void>): void =>
    void tests.set([...path, title].join(" > "), body);
  const fc = { assert: () => undefined, asyncProperty: () => undefined };
  return { tests, tools: { describe, test: add, expect, fc } };
}
