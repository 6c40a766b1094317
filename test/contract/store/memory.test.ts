import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../src/testing/memory-store.ts";
import { storeContract, type StoreUnderTest } from "../../../src/testing/store-contract.ts";

function factory(): StoreUnderTest {
  let now = Date.parse("2030-01-01");
  const store = createMemoryStore({ clock: { now: () => now } });
  return { store, clock: { advance: (ms) => void (now += ms) }, close: () => undefined };
}

storeContract("memory", factory, { describe, test, expect, fc });
