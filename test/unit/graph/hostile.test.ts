/** Whatever it is given, `validateWorkflow` answers: it never throws, never hangs, and says what is wrong. */
import { createContext, runInContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { validateWorkflow } from "../../../src/core/graph/validate.ts";
import { brief, catalogue, check, edges, reads, step, trigger, workflow } from "./documents.ts";

function briefOf(definition: unknown): readonly string[] {
  return brief(validateWorkflow(definition, catalogue));
}

/** An input of the step `a`. */
function withInput(input: unknown): unknown {
  return workflow({ nodes: { a: { ...step, input } } });
}

function throwing(): never {
  throw new Error("no");
}

const refusing = (trap: string): object =>
  new Proxy({}, Object.fromEntries([[trap, throwing]]) as ProxyHandler<object>);

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

const cyclicList: unknown[] = [];
cyclicList.push([cyclicList]);
const cyclicObject: { self?: unknown } = {};
cyclicObject.self = cyclicObject;
const revoked = Proxy.revocable({}, {});
revoked.revoke();

describe("values that are no JSON", () => {
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "not_json"],
    ["a symbol", Symbol("s"), "not_json"],
    ["a function", () => 1, "not_json"],
    ["a bigint", 1n, "not_json"],
    ["NaN", Number.NaN, "not_json"],
    ["a class", class {}, "not_json"],
    ["a map", new Map(), "not_json"],
    ["a promise", Promise.resolve(1), "not_json"],
    ["a revoked proxy", revoked.proxy, "not_json"],
    ["a proxy that gives no keys", refusing("ownKeys"), "not_json"],
    ["a proxy that gives no prototype", refusing("getPrototypeOf"), "not_json"],
    [
      "a getter that throws",
      Object.defineProperty({}, "format", { get: throwing, enumerable: true }),
      "not_json",
    ],
    ["a date as an input", withInput(new Date(0)), "not_json nodes.a.input"],
    ["a symbol in an input", withInput({ deep: [Symbol("s")] }), "not_json nodes.a.input.deep.0"],
    ["an endless number", withInput([1, -Infinity]), "not_json nodes.a.input.1"],
    ["a list with a hole", withInput(Object.assign([1], { 2: 3 })), "not_json nodes.a.input.1"],
    ["undefined in a list", withInput([undefined]), "not_json nodes.a.input.0"],
    ["a typed array", withInput(new Uint8Array(3)), "not_json nodes.a.input"],
    ["an object of a class", withInput(new (class Order {})()), "not_json nodes.a.input"],
    ["a boxed text", withInput(Object("text")), "not_json nodes.a.input"],
  ])("%s", (_name, value, expected) => {
    expect(briefOf(value)).toEqual([expected]);
  });

  test("null, a text, a number and a list are JSON, and no workflows", () => {
    for (const value of [null, "{}", 5, true, []]) expect(briefOf(value)).toEqual(["field_invalid"]);
  });

  test("a getter in the middle that throws says what it threw", () => {
    const input = Object.defineProperty({}, "cents", { get: throwing, enumerable: true });
    const [issue] = validateWorkflow(withInput(input)).issues;
    expect(issue).toMatchObject({ code: "not_json", severity: "error", path: [] });
    expect(issue?.message).toContain("no");
  });

  test("something that is thrown and is no error", () => {
    const input = Object.defineProperty({}, "cents", {
      get: () => {
        // oxlint-disable-next-line no-throw-literal, only-throw-error -- strange on purpose
        throw null;
      },
      enumerable: true,
    });
    expect(briefOf(withInput(input))).toEqual(["not_json"]);
  });

  test.each([1, 2, 3, 4, 5, 6])("a getter that answers %i times and then throws", (times) => {
    let left = times;
    const definition = Object.defineProperty({ ...workflow({ nodes: { a: step } }) }, "nodes", {
      get: () => (left-- > 0 ? { a: step } : throwing()),
      enumerable: true,
    });
    const { ok, issues } = validateWorkflow(definition, catalogue);
    expect(ok ? [] : issues.map(({ code }) => code)).toEqual(ok ? [] : ["not_json"]);
  });

  test.each([1, 2, 3, 4, 5, 6])("a getter that turns into something else after %i times", (times) => {
    for (const other of [null, 5, "text", { a: null }, { a: { kind: "action", action: 5 } }, cyclicObject]) {
      let left = times;
      const definition = Object.defineProperty({ ...workflow({ nodes: { a: step } }) }, "nodes", {
        get: () => (left-- > 0 ? { a: step } : other),
        enumerable: true,
      });
      const { ok, document } = validateWorkflow(definition, catalogue);
      expect(document === null).toBe(!ok);
      if (ok) expect(document?.nodes.a).toEqual(step);
    }
  });

  test("what is handed out does not change with what was handed in", () => {
    const input = { cents: 5 };
    const { document } = validateWorkflow(withInput(input));
    input.cents = 6;
    expect(document?.nodes.a).toEqual({ ...step, input: { cents: 5 } });
  });

  test("a plain proxy, objects without prototype and of another realm are plain objects", () => {
    const foreign: unknown = runInContext("({ list: [1] })", createContext());
    for (const input of [new Proxy({ a: 1 }, {}), Object.assign(Object.create(null), { a: 1 }), foreign]) {
      expect(briefOf(withInput(input))).toEqual([]);
    }
  });

  test("members that are undefined are absent", () => {
    expect(
      briefOf({ ...workflow({ nodes: { a: { ...step, input: undefined } } }), labels: undefined }),
    ).toEqual([]);
  });
});

describe("size", () => {
  test.each([
    ["a list that holds itself", cyclicList],
    ["an object that holds itself", cyclicObject],
    ["200 levels", nested(200)],
    ["100,000 levels", nested(100_000)],
  ])("%s is too deep, and the path ends where it is", (_name, value) => {
    const [issue, ...rest] = validateWorkflow(withInput(value)).issues;
    expect(issue?.code).toBe("limit_depth");
    expect(issue?.path).toHaveLength(64);
    expect(rest).toEqual([]);
  });

  test("64 levels are deep enough: the document, nodes, a node and 61 of its input", () => {
    expect(briefOf(withInput(nested(61)))).toEqual([]);
    expect(briefOf(withInput(nested(62)))[0]).toMatch(/^limit_depth nodes\.a\.input\./);
  });

  test("a limit of depth beyond the call stack is no way to throw", () => {
    const { ok, issues } = validateWorkflow(withInput(nested(100_000)), catalogue, { maxDepth: 1_000_000 });
    expect(ok).toBe(false);
    expect(issues.map(({ code }) => code)).toEqual(["not_json"]);
  });

  test("10 MB in one text, in many texts and in keys", () => {
    expect(briefOf(withInput("x".repeat(10 << 20)))).toEqual(["limit_size"]);
    expect(briefOf(withInput(Array.from({ length: 10_000 }, () => "x".repeat(1 << 10))))).toEqual([
      "limit_size",
    ]);
    expect(briefOf(withInput({ ["k".repeat(10 << 20)]: 1 }))).toEqual(["limit_size"]);
    expect(briefOf(withInput("\u{1F600}".repeat(3 << 20)))).toEqual(["limit_size"]);
  });

  test("the size is counted as UTF-8", () => {
    const limits = { maxBytes: 1_000 };
    const document = (text: string): unknown => workflow({ nodes: { a: step }, output: text });
    for (const [char, bytes] of [
      ["x", 1],
      ["\u00e9", 2],
      ["\u20ac", 3],
      ["\u{1F600}", 4],
    ] as const) {
      const fits = Math.floor(800 / bytes);
      expect(validateWorkflow(document(char.repeat(fits)), undefined, limits).ok, char).toBe(true);
      expect(
        brief(validateWorkflow(document(char.repeat(fits + Math.ceil(201 / bytes))), undefined, limits)),
      ).toEqual(["limit_size"]);
    }
  });

  test("the same part again and again", () => {
    let value: unknown = "x".repeat(100);
    for (let level = 0; level < 50; level++) value = [value, value];
    expect(briefOf(withInput(value))).toEqual(["limit_size"]);
  });

  test("lists of a million times the same list, 50 deep, and of four thousand million holes", () => {
    let wide: unknown = 1;
    for (let level = 0; level < 50; level++) wide = Array.from({ length: 1_000_000 }).fill(wide);
    expect(briefOf(withInput(wide))).toEqual(["limit_size"]);
    const sparse: unknown[] = [];
    sparse.length = 4_294_967_295;
    expect(briefOf(withInput(sparse))).toEqual(["limit_size"]);
    expect(briefOf(workflow({ nodes: { a: step }, edges: sparse }))).toEqual(["limit_size"]);
  });

  test("100,001 edges of which each is wrong", () => {
    const wrong = Array.from({ length: 100_001 }, () => 5);
    expect(briefOf(workflow({ nodes: { a: step }, edges: wrong }))).toEqual(["limit_edges edges"]);
    const { issues } = validateWorkflow(workflow({ nodes: { a: step }, edges: wrong.slice(0, 20_000) }));
    expect(issues).toHaveLength(20_000);
  });

  test("a chain and a ring of 10,000 nodes do not meet the end of the stack", () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => `n${index}`);
    const nodes = Object.fromEntries(ids.map((id) => [id, step]));
    const chain = ids.slice(1).map((id, index) => ({ from: `n${index}`, to: id }));
    expect(brief(check({ nodes, edges: chain }))).toEqual([]);
    const ring = [...chain, { from: "n9999", to: "n0" }];
    const { issues } = check({ nodes, edges: ring });
    expect(issues[0]).toMatchObject({ code: "cycle", path: ["edges", 9_999], cycle: ids });
    expect(issues[0]?.message).toContain("n11 -> (9988 more) -> n0.");
    expect(brief(check({ nodes: { ...nodes, more: step }, edges: chain }))).toEqual(["limit_nodes nodes"]);
  });

  test("5,000 wrong names are reported without comparing each with all", () => {
    const ids = Array.from({ length: 5_000 }, (_, index) => `node_with_a_long_name_${index}`);
    const nodes = Object.fromEntries(ids.map((id) => [id, step]));
    const wrong = ids.map((id) => ({ from: `${id}x`, to: id }));
    const { issues } = check({ nodes, edges: wrong });
    expect(issues).toHaveLength(5_000);
    expect(issues[0]?.next).toContain("Did you mean");
    expect(issues.at(-1)?.next).not.toContain("Did you mean");
  });
});

describe("names with a meaning", () => {
  test.each(["__proto__", "constructor", "prototype"])("%s is no id of a node", (id) => {
    const nodes = { a: step };
    Object.defineProperty(nodes, id, { value: step, enumerable: true });
    const { issues } = check({ nodes, edges: edges(`a -> ${id}`) });
    expect(brief({ issues })[0]).toBe(`node_id_invalid nodes.${id}`);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as { kind?: unknown }).kind).toBeUndefined();
  });

  test.each(["toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "then", "length", "__defineGetter__"])(
    "%s is an id like any other",
    (id) => {
      const nodes = { [id]: step, b: reads(`nodes.${id}.output.cents`) };
      const { ok, issues, document } = check({ nodes, edges: edges(`${id} -> b`) });
      expect(issues).toEqual([]);
      expect(ok).toBe(true);
      expect(Object.keys(document?.nodes ?? {})).toContain(id);
    },
  );

  test.each(["__proto__", "constructor", "toString"])("%s is no node that is there by itself", (id) => {
    expect(brief(check({ nodes: { a: step }, edges: edges(`a -> ${id}`, `${id} -> a`) }))).toEqual([
      "node_unknown edges.0.to",
      "node_unknown edges.1.from",
    ]);
    expect(brief(check({ nodes: { a: reads(`nodes.${id}.output`) } }))).toEqual([
      "reference_unknown nodes.a.input.read.0",
    ]);
    expect(brief(check({ nodes: { a: { ...step, action: id } } }))[0]).toMatch(
      /^(name_invalid|action_unknown) nodes.a.action$/,
    );
    expect(brief(check({ nodes: { a: { kind: id } } }))[0]).toBe("kind_unknown nodes.a.kind");
    expect(brief(check({ nodes: { a: step, b: step }, edges: [{ from: "a", to: "b", on: id }] }))[0]).toMatch(
      /^(name_invalid|outcome_unknown) edges.0.on$/,
    );
  });

  test("a key `__proto__` anywhere is reported and changes nothing", () => {
    const evil = JSON.parse('{ "__proto__": { "kind": "trigger", "polluted": true } }') as object;
    const { issues } = check({ nodes: { a: { ...step, input: [evil] } }, output: evil, edges: [evil] });
    expect(brief({ issues })).toEqual(
      expect.arrayContaining([
        "key_forbidden nodes.a.input.0.__proto__",
        "key_forbidden output.__proto__",
        "key_forbidden edges.0.__proto__",
      ]),
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("ids and names that would break a line or a message are shortened and quoted", () => {
    const long = `x\n${"y".repeat(10_000)}`;
    const { issues } = check({ nodes: { s: trigger, a: step }, edges: [{ from: long, to: "a" }] });
    for (const { message } of issues) {
      expect(message.length).toBeLessThan(200);
      expect(message).not.toContain("\n");
    }
  });
});

describe("catalogues and limits that are strange", () => {
  test("a catalogue that throws is no way to throw", () => {
    const broken = { names: throwing, get: throwing };
    const { ok, issues } = validateWorkflow(workflow({ nodes: { a: step } }), broken);
    expect(ok).toBe(false);
    expect(issues).toMatchObject([{ code: "not_json", message: "The definition could not be read: no." }]);
    const odd = {
      names: throwing,
      get: () => {
        // oxlint-disable-next-line no-throw-literal, only-throw-error -- strange on purpose
        throw "no";
      },
    };
    expect(validateWorkflow(workflow({ nodes: { a: step } }), odd).issues[0]?.message).toBe(
      "The definition could not be read.",
    );
  });

  test("limits that are absent or undefined are the default ones", () => {
    expect(validateWorkflow(workflow({ nodes: { a: step } }), undefined, {}).ok).toBe(true);
  });
});
