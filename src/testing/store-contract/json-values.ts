/** JSON values as mean as JSON allows, for properties. */
import type { Arbitrary } from "fast-check";
import type { Json } from "../../core/json.ts";
import type { FastCheck } from "./kit.ts";

const STRINGS = [
  "",
  "\0",
  "a\0b",
  "\\u0000",
  "\ud800",
  "\udc00x",
  "\u2028",
  "e\u0301",
  "\ufffd",
  "😀",
  '"',
  "'",
  "{}",
  "null",
];
const KEYS = [
  "",
  "\0",
  "__proto__",
  "constructor",
  "toString",
  "0",
  "10",
  "-1",
  "ключ",
  "a b",
  '"',
  "\ud83d",
];
const NUMBERS = [
  0,
  -1,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  2 ** 53 + 2,
  1e21,
  1e308,
  5e-324,
  0.1,
  1 / 3,
  Number.MAX_VALUE,
];

export function jsonValue(fc: FastCheck): Arbitrary<Json> {
  // Any code units at all: lone surrogates and control characters among them.
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 });
  const text = fc.oneof(
    fc.constantFrom(...STRINGS),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    units.map((codes) => String.fromCharCode(...codes)),
  );
  const number = fc.oneof(
    fc.constantFrom(...NUMBERS),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const scalar = fc.oneof(fc.constant(null), fc.boolean(), number, text);
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalar,
      fc.array(tie("value"), { maxLength: 5 }),
      fc
        .array(fc.tuple(fc.oneof(fc.constantFrom(...KEYS), text), tie("value")), { maxLength: 5 })
        // Makes own members also of keys such as `__proto__`.
        .map((members): Json => Object.fromEntries(members)),
    ),
  }));
  return fc.oneof(
    { weight: 20, arbitrary: value },
    { weight: 1, arbitrary: fc.tuple(scalar, fc.boolean()).map(deep) },
  );
}

/** 64 levels, the most that a value may have. */
function deep([inner, inObjects]: readonly [Json, boolean]): Json {
  let value: Json = inner;
  for (let level = 0; level < 64; level++) value = inObjects ? { k: value } : [value];
  return value;
}
