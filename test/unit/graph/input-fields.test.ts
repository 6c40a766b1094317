import { expect, test } from "vitest";
import { fieldVerdict } from "../../../src/core/graph/input-fields.ts";

test("nothing is said of fields below a reference that leads nowhere", () => {
  expect(fieldVerdict({ $ref: "#/$defs/none" }, ["a"])).toEqual({ verdict: "known" });
});
