/** What makes two failures the same one. */
import { describe, expect, test } from "vitest";
import { fingerprintOf, normaliseMessage } from "../../../src/core/run/fingerprint.ts";

describe("the normalised message", () => {
  test.each([
    ['order "17" of 4.50 EUR', "order <text> of <n> EUR"],
    ["user 01a2091e-6795-72a6-90ab-0123456789ab is gone", "user <uuid> is gone"],
    ["commit deadbeef01 and 0xFF", "commit <hex> and <hex>"],
    ["can't open 'a b' or `c`", "can't open <text> or <text>"],
    ["defaced facade accede", "defaced facade accede"],
    ["  two\n lines\t", "two lines"],
    ["HTTP 503 after 1,200 ms", "HTTP <n> after <n> ms"],
  ])("of %j is %j", (message, normalised) => {
    expect(normaliseMessage(message)).toBe(normalised);
  });

  test("is short, however long the message", () => {
    const at = performance.now();
    expect(normaliseMessage(`"'\`0x`.repeat(500_000))).toHaveLength(300);
    expect(performance.now() - at).toBeLessThan(500);
  });
});

describe("the fingerprint", () => {
  const error = (message: string, errorClass = "http") => ({ class: errorClass, message });

  test("is the same for what differs in numbers and names only", () => {
    expect(fingerprintOf("charge", error('no customer "c1" (17 ms)'))).toBe(
      fingerprintOf("charge", error('no customer "c2" (4 ms)')),
    );
  });

  test("is another one for another node, class or message", () => {
    const prints = [
      fingerprintOf("charge", error("no customer")),
      fingerprintOf("ship", error("no customer")),
      fingerprintOf("charge", error("no customer", "timeout")),
      fingerprintOf("charge", error("no account")),
    ];
    expect(new Set(prints).size).toBe(4);
    for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/);
  });
});
