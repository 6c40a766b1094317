import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineAction, isSchema, parseKeyLifetime } from "../../../src/core/definition/action.ts";

const run = (): null => null;
const define = (definition: object) => defineAction(definition as Parameters<typeof defineAction>[0]);

describe("defineAction", () => {
  test("keeps what it was given, frozen", () => {
    const input = z.object({ a: z.string() });
    const action = define({
      name: "billing.charge/v2_a-b",
      description: "x",
      input,
      output: z.null(),
      effect: "idempotent",
      timeout: "30s",
      retry: { immediate: 1, backoff: ["1m"] },
      lane: "slow",
      credentials: ["stripe"],
      run,
    });
    expect(action).toMatchObject({
      kind: "flowforge.action",
      name: "billing.charge/v2_a-b",
      input,
      effect: "idempotent",
    });
    expect(Object.isFrozen(action)).toBe(true);
  });

  test("the long form of `idempotent`", () => {
    const effect = { kind: "idempotent", keyLifetime: "1s" };
    expect(define({ name: "a", effect, run }).effect).toEqual(effect);
    expect(parseKeyLifetime({ ...effect, keyLifetime: "2h" }, "action")).toBe(7_200_000);
  });

  test.each<[object, RegExp]>([
    [{ run }, /defineAction\(\{ name \}\).*Received undefined.*option_invalid/],
    [{ name: "", run }, /Received ""/],
    [{ name: "a b", run }, /Received "a b"/],
    [{ name: "x".repeat(129), run }, /at most 128 characters/],
    [{ name: "a", run, inputs: z.null() }, /Received `inputs`. Did you mean "input"\?/],
    [{ name: "a", run, wholly: 1 }, /Received `wholly`\. Correct/],
    [{ name: "a", run, input: { type: "object" } }, /action "a", input.*schema of zod 4.*Received object/],
    [{ name: "a", run, output: "x" }, /action "a", output.*Received "x"/],
    [{ name: "a", run, effect: "never" }, /action "a", effect.*atMostOnce.*Received "never"/],
    [{ name: "a", run, effect: { kind: "readonly" } }, /action "a", effect.*keyLifetime.*Received object/],
    [{ name: "a", run, effect: { kind: "idempotent" } }, /action "a", effect.*keyLifetime.*Received object/],
    [{ name: "a", run, effect: { kind: "idempotent", keyLifetime: "1h", x: 1 } }, /Received object/],
    [{ name: "a", run, effect: { kind: "idempotent", keyLifetime: 999 } }, /keyLifetime.*at least 1 second/],
    [{ name: "a", run, effect: { kind: "idempotent", keyLifetime: "1y" } }, /keyLifetime.*duration_invalid/],
    [{ name: "a" }, /action "a", run.*a function/],
    [{ name: "a", run, effect: "verifiable" }, /action "a", verify.*a function where.*Received undefined/],
    [{ name: "a", run, effect: "verifiable", verify: 1 }, /action "a", verify.*Received number/],
    [{ name: "a", run, verify: run }, /action "a", verify.*nothing elsewhere/],
    [{ name: "a", run, effectOf: "readonly" }, /action "a", effectOf.*a function.*Received "readonly"/],
    [{ name: "a", run, classify: {} }, /action "a", classify.*a function.*Received object/],
    [{ name: "a", run, lane: "a b" }, /action "a", lane.*at most 32 characters.*Received "a b"/],
    [{ name: "a", run, lane: 1 }, /action "a", lane.*Received number/],
    [{ name: "a", run, constants: "text" }, /action "a", constants.*a list of fields.*Received "text"/],
    [{ name: "a", run, constants: [1] }, /action "a", constants.*a list of fields.*Received object/],
    [{ name: "a", run, credentials: "x" }, /action "a", credentials.*a list.*Received "x"/],
    [{ name: "a", run, credentials: ["x", 1] }, /action "a", credentials.*Received number/],
    [{ name: "a", run, credentials: ["x", "y z"] }, /action "a", credentials.*Received "y z"/],
    [{ name: "a", run, credentials: ["x", "x"] }, /action "a", credentials.*different.*Received "x"/],
    [{ name: "a", run, timeout: "x" }, /action "a", timeout.*duration_invalid/],
    [{ name: "a", run, retry: { immediate: 99 } }, /action "a", retry, immediate.*option_invalid/],
  ])("%j is refused", (definition, message) => {
    expect(() => define(definition)).toThrow(message);
  });
});

test("isSchema knows schemas of any copy of zod", () => {
  expect(isSchema(z.string())).toBe(true);
  for (const value of [null, undefined, "x", {}, { _zod: 1 }, { safeParse: run }])
    expect(isSchema(value)).toBe(false);
});
