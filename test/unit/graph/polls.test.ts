/** What is wrong with a trigger that polls. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../../src/core/json.ts";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { catalogueOf, step, workflow } from "./documents.ts";

const feed = {
  input: z.strictObject({
    cursor: z.unknown(),
    path: z.string().optional(),
    tags: z.array(z.object({ like: z.string() })).optional(),
  }),
};

function complaints(source: JsonObject, catalogue = catalogueOf({ feed })): readonly string[] {
  const trigger = { kind: "trigger", source: { type: "poll", every: "1m", action: "feed", ...source } };
  const document = workflow({ nodes: { t: trigger, a: step }, edges: [{ from: "t", to: "a" }] });
  return validateWorkflow(document, catalogue)
    .issues.filter(({ path }) => path[1] === "t")
    .map(({ code, path, message }) => `${code} ${path.slice(2).join(".")}: ${message}`);
}

describe("a poll", () => {
  test.each([[{}], [{ input: {} }], [{ input: { path: "{{ no template }}", tags: [{ like: "{{" }] } }]])(
    "fits: %j",
    (source) => {
      expect(complaints(source)).toEqual([]);
    },
  );

  test("is asked at most once a second", () => {
    expect(complaints({ every: "10ms" })).toEqual([
      'field_invalid source.every: "10ms" is too short an interval.',
    ]);
    expect(complaints({ every: "often" })).toEqual([
      expect.stringMatching(/^duration_invalid source\.every: /),
    ]);
  });

  test("of an input that the action does not take, or that leaves its cursor no room", () => {
    expect(complaints({ input: { path: 7 } })).toEqual([
      expect.stringMatching(/^action_input_invalid source\.input\.path: /),
    ]);
    const strict = catalogueOf({ feed: { input: z.object({ cursor: z.string() }) } });
    expect(complaints({}, strict)).toEqual([expect.stringMatching(/^action_input_invalid source/)]);
  });

  test("without a catalogue nothing is said of its action", () => {
    const trigger = { kind: "trigger", source: { type: "poll", every: "1m", action: "nobody.knows" } };
    const nodes = { t: trigger, a: step };
    expect(validateWorkflow(workflow({ nodes, edges: [{ from: "t", to: "a" }] })).issues).toEqual([]);
  });

  test("whose field may not be computed: braces in it are text", () => {
    const constant = catalogueOf({ feed: { ...feed, constants: ["path"] } as never });
    expect(complaints({ input: { path: "{{ text }}" } }, constant)).toEqual([]);
  });

  test("of an action that nobody has, that runs workflows, or that asks for a credential which is not granted", () => {
    expect(complaints({ action: "feeds" })).toEqual([
      'action_unknown source.action: There is no action "feeds".',
    ]);
    expect(complaints({ action: "workflow.run" })).toEqual([
      "child_invalid source.action: `workflow.run` cannot be polled.",
    ]);
    const guarded = catalogueOf({ feed: { ...feed, credentials: ["crm"] } as never });
    expect(complaints({}, guarded)).toEqual([expect.stringMatching(/^credential_missing source\.action: /)]);
    expect(complaints({ credentials: ["crm"] }, guarded)).toEqual([]);
  });
});
