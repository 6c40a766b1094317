/**
 * Checks a value against a JSON Schema that `schemaProblems` accepted.
 *
 * Both may come from strangers, so the work is bounded: a schema of a few lines can ask for 2^n comparisons, and a pattern for
 * length times length. A value that costs more than the budget is refused, never waved through.
 */
import { compilePattern, type Pattern } from "../expression/pattern.ts";
import type { Json, JsonObject } from "../json.ts";
import { canonicalJson } from "./normalise.ts";
import { FORMATS, MAX_FORMAT_CHARACTERS } from "./json-schema-formats.ts";
import { isObject, resolveReference } from "./json-schema-shape.ts";

export interface ValueProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

type Path = readonly (string | number)[];

const MAX_PROBLEMS = 20;
/** A 1 MiB value against an ordinary schema costs some hundred thousand. All of them take about half a second. */
const MAX_STEPS = 2_000_000;
/** References to references to references: the call stack is finite. */
const MAX_NESTING = 400;

class OverBudget extends Error {}

/** Every problem up to 20; none where the value fits. */
export function valueProblems(schema: JsonObject, value: Json): readonly ValueProblem[] {
  const check = new Check(schema);
  try {
    check.all(schema, value, []);
    return check.problems;
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error;
    return [{ path: [], message: "is too much work to check against the schema" }];
  }
}

class Check {
  problems: ValueProblem[] = [];
  readonly #root: JsonObject;
  readonly #patterns = new Map<string, Pattern>();
  #steps = 0;
  #nesting = 0;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  all(schema: Json | undefined, value: Json, path: Path): void {
    this.#spend(1);
    if (schema === false) return this.#report(path, "is not allowed here");
    if (!isObject(schema) || this.problems.length >= MAX_PROBLEMS) return;
    if (this.#nesting >= MAX_NESTING) throw new OverBudget();
    this.#nesting++;
    this.#everything(schema, value, path);
    this.#nesting--;
  }

  #everything(schema: JsonObject, value: Json, path: Path): void {
    if (typeof schema.$ref === "string") this.all(resolveReference(this.#root, schema.$ref), value, path);
    if (!this.#type(schema, value, path)) return;
    this.#constants(schema, value, path);
    this.#combinations(schema, value, path);
    if (typeof value === "number") this.#number(schema, value, path);
    else if (typeof value === "string") this.#text(schema, value, path);
    else if (isList(value)) this.#list(schema, value, path);
    else if (isObject(value)) this.#object(schema, value, path);
  }

  /** Whether the value fits, without a report. */
  #fits(schema: Json | undefined, value: Json): boolean {
    const kept = this.problems;
    this.problems = [];
    this.all(schema, value, []);
    const fits = this.problems.length === 0;
    this.problems = kept;
    return fits;
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new OverBudget();
  }

  #report(path: Path, message: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ path, message });
  }

  #type({ type }: JsonObject, value: Json, path: Path): boolean {
    if (type === undefined) return true;
    const types = isList(type) ? type : [type];
    const fits = types.some((one) => hasType(value, one));
    if (!fits) this.#report(path, `must be of type ${types.join(" or ")}, and is ${typeName(value)}`);
    return fits;
  }

  #constants(schema: JsonObject, value: Json, path: Path): void {
    const equal = (other: Json): boolean => {
      this.#spend(1);
      if (typeof other !== "object" || other === null) return other === value;
      this.#spend(sizeOf(other) + sizeOf(value));
      return canonicalJson(other) === canonicalJson(value);
    };
    if (schema.const !== undefined && !equal(schema.const)) {
      this.#report(path, `must be ${shorten(JSON.stringify(schema.const))}`);
    }
    if (isList(schema.enum) && !schema.enum.some(equal)) {
      this.#report(
        path,
        `must be one of ${shorten(schema.enum.map((one) => JSON.stringify(one)).join(", "))}`,
      );
    }
  }

  #combinations(schema: JsonObject, value: Json, path: Path): void {
    const { allOf, anyOf, oneOf, not } = schema;
    if (isList(allOf)) for (const part of allOf) this.all(part, value, path);
    if (isList(anyOf) && !anyOf.some((part) => this.#fits(part, value))) {
      this.#report(path, "does not fit any of the forms that are allowed here");
    }
    if (isList(oneOf)) {
      const fitting = oneOf.filter((part) => this.#fits(part, value)).length;
      if (fitting !== 1)
        this.#report(path, `must fit exactly one of the forms allowed here, and fits ${fitting}`);
    }
    if (not !== undefined && this.#fits(not, value))
      this.#report(path, "has a form that is not allowed here");
    if (schema.if !== undefined)
      this.all(this.#fits(schema.if, value) ? schema.then : schema.else, value, path);
  }

  #number(schema: JsonObject, value: number, path: Path): void {
    const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema;
    if (typeof minimum === "number" && value < minimum) this.#report(path, `must be at least ${minimum}`);
    if (typeof maximum === "number" && value > maximum) this.#report(path, `must be at most ${maximum}`);
    if (typeof above === "number" && value <= above) this.#report(path, `must be more than ${above}`);
    if (typeof below === "number" && value >= below) this.#report(path, `must be less than ${below}`);
    if (typeof multipleOf === "number" && !isMultiple(value, multipleOf)) {
      this.#report(path, `must be a multiple of ${multipleOf}`);
    }
  }

  #text(schema: JsonObject, value: string, path: Path): void {
    if (schema.minLength !== undefined || schema.maxLength !== undefined) {
      this.#bounds(
        { least: schema.minLength, most: schema.maxLength, what: "characters" },
        characters(value),
        path,
      );
    }
    if (typeof schema.pattern === "string" && !this.#matches(schema.pattern, value)) {
      this.#report(path, `must match the pattern ${shorten(schema.pattern)}`);
    }
    if (typeof schema.format === "string") {
      const fits =
        value.length <= MAX_FORMAT_CHARACTERS && FORMATS.get(schema.format)?.safeParse(value).success;
      if (!fits) this.#report(path, `must have the format ${schema.format}`);
    }
  }

  #matches(source: string, text: string): boolean {
    const pattern = this.#patterns.get(source) ?? compilePattern(source);
    if (pattern === null) return false;
    this.#patterns.set(source, pattern);
    this.#spend(pattern.costOf(text));
    return pattern.test(text);
  }

  #bounds(
    bounds: { least?: Json | undefined; most?: Json | undefined; what: string },
    size: number,
    path: Path,
  ): void {
    const { least, most, what } = bounds;
    if (typeof least === "number" && size < least) this.#report(path, `must have at least ${least} ${what}`);
    if (typeof most === "number" && size > most) this.#report(path, `must have at most ${most} ${what}`);
  }

  #list(schema: JsonObject, list: readonly Json[], path: Path): void {
    this.#bounds({ least: schema.minItems, most: schema.maxItems, what: "items" }, list.length, path);
    const first = isList(schema.prefixItems) ? schema.prefixItems : [];
    list.forEach((item, index) =>
      this.all(index < first.length ? first[index] : schema.items, item, [...path, index]),
    );
    if (schema.uniqueItems === true) {
      this.#spend(sizeOf(list));
      if (new Set(list.map(canonicalJson)).size < list.length)
        this.#report(path, "must not have the same item twice");
    }
    if (schema.contains !== undefined) {
      const count = list.filter((item) => this.#fits(schema.contains, item)).length;
      const what = "items of the form that is asked for";
      this.#bounds({ least: schema.minContains ?? 1, most: schema.maxContains, what }, count, path);
    }
  }

  #object(schema: JsonObject, object: JsonObject, path: Path): void {
    const names = Object.keys(object);
    this.#bounds(
      { least: schema.minProperties, most: schema.maxProperties, what: "fields" },
      names.length,
      path,
    );
    this.#required(schema.required, object, path);
    for (const [name, needed] of Object.entries(
      isObject(schema.dependentRequired) ? schema.dependentRequired : {},
    )) {
      if (Object.hasOwn(object, name)) this.#required(needed, object, path);
    }
    for (const [name, part] of Object.entries(
      isObject(schema.dependentSchemas) ? schema.dependentSchemas : {},
    )) {
      if (Object.hasOwn(object, name)) this.all(part, object, path);
    }
    for (const name of names) this.#member(schema, { name, value: object[name] as Json }, path);
  }

  #required(required: Json | undefined, object: JsonObject, path: Path): void {
    if (!isList(required)) return;
    this.#spend(required.length);
    for (const name of required as readonly string[]) {
      if (!Object.hasOwn(object, name)) this.#report([...path, name], "is required, and missing");
    }
  }

  #member(
    schema: JsonObject,
    { name, value }: { readonly name: string; readonly value: Json },
    path: Path,
  ): void {
    const { properties, patternProperties, propertyNames } = schema;
    const here = [...path, name];
    let known = isObject(properties) && Object.hasOwn(properties, name);
    if (known) this.all((properties as JsonObject)[name], value, here);
    if (propertyNames !== undefined && !this.#fits(propertyNames, name))
      this.#report(here, "has a name that is not allowed");
    for (const [pattern, part] of Object.entries(isObject(patternProperties) ? patternProperties : {})) {
      if (!this.#matches(pattern, name)) continue;
      known = true;
      this.all(part, value, here);
    }
    if (known) return;
    if (schema.additionalProperties === false) this.#report(here, "is not a field of this object");
    else this.all(schema.additionalProperties, value, here);
  }
}

function hasType(value: Json, type: Json): boolean {
  return type === "integer" ? Number.isInteger(value) : type === typeName(value);
}

function typeName(value: Json): string {
  if (value === null) return "null";
  return isList(value) ? "array" : typeof value;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** 0.3 is a multiple of 0.1, although the quotient of the two doubles is not a whole number. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) <= Math.abs(quotient) * Number.EPSILON;
}

/** Code points, as JSON Schema counts them. */
function characters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) if ((text.codePointAt(i) as number) > 0xffff) count--;
  return count;
}

/** How many values are in it. */
function sizeOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  let size = 1;
  for (const member of Object.values(value)) size += sizeOf(member as Json);
  return size;
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
