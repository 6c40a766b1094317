/**
 * Checks the constant parts of a template against a JSON Schema. What a template computes is not known yet, so it fits
 * everything; only what is wrong for every run is a problem.
 *
 * Read here: type, enum, const, properties, required, additionalProperties, items, prefixItems, anyOf, oneOf, allOf, $ref into
 * the same schema, and the bounds of numbers, texts and lists. Other keywords accept everything here: when the
 * action runs, its own schema decides.
 */
import type { Json, JsonObject } from "../json.ts";

/** What is known of a string in a template: all of it, that it is a text, or nothing. */
export type StringPart =
  { readonly known: "value"; readonly value: string } | { readonly known: "text" | "nothing" };

export interface Mismatch {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export interface StaticCheck {
  readonly schema: Json;
  readonly partOf: (text: string) => StringPart;
}

type Report = (path: readonly (string | number)[], message: string) => void;

/** A schema that refers to itself without end accepts what is deeper, or what comes later. */
const MAX_STEPS_DOWN = 200;
const MAX_STEPS = 100_000;

export function mismatches(check: StaticCheck, template: Json): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const report: Report = (path, message) => found.push({ path, message });
  new Checker({ ...check, budget: { steps: MAX_STEPS } }, report, 0).check(check.schema, template, []);
  return found;
}

interface Context extends StaticCheck {
  readonly budget: { steps: number };
}

class Checker {
  readonly #check: Context;
  readonly #report: Report;
  readonly #depth: number;

  constructor(check: Context, report: Report, depth: number) {
    this.#check = check;
    this.#report = report;
    this.#depth = depth;
  }

  check(schema: Json | undefined, value: Json, path: readonly (string | number)[]): void {
    if (schema === false) return this.#report(path, "is not allowed here");
    if (!isObject(schema) || this.#depth > MAX_STEPS_DOWN || this.#check.budget.steps-- <= 0) return;
    const part = typeof value === "string" ? this.#check.partOf(value) : null;
    if (part?.known === "nothing") return;
    if (!typesOf(schema).some((type) => hasType(value, type))) {
      return this.#report(path, `must be ${typesOf(schema).join(" or ")}, and is ${typeName(value)}`);
    }
    const below = new Checker(this.#check, this.#report, this.#depth + 1);
    below.#combinations(schema, value, path);
    if (part?.known === "text") return;
    const known = part?.known === "value" ? part.value : value;
    below.#choices(schema, known, path);
    if (typeof known === "string") below.#bounds(schema, { of: known.length, unit: "Length" }, path);
    if (typeof known === "number") below.#number(schema, known, path);
    if (Array.isArray(known)) below.#list(schema, known, path);
    if (isObject(known)) below.#object(schema, known, path);
  }

  #combinations(schema: JsonObject, value: Json, path: readonly (string | number)[]): void {
    if (typeof schema.$ref === "string") this.check(resolve(this.#check.schema, schema.$ref), value, path);
    for (const part of listOf(schema.allOf)) this.check(part, value, path);
    for (const alternatives of [listOf(schema.anyOf), listOf(schema.oneOf)]) {
      if (alternatives.length === 0 || alternatives.some((one) => this.#fits(one, value))) continue;
      this.#report(path, `fits none of the ${alternatives.length} forms that are possible here`);
    }
  }

  #fits(schema: Json, value: Json): boolean {
    let fits = true;
    new Checker(this.#check, () => (fits = false), this.#depth).check(schema, value, []);
    return fits;
  }

  #choices(schema: JsonObject, value: Json, path: readonly (string | number)[]): void {
    // Objects and lists may hold templates, so they are not compared.
    if (typeof value === "object" && value !== null) return;
    if (schema.const !== undefined && schema.const !== value) {
      this.#report(path, `must be ${JSON.stringify(schema.const)}`);
    }
    if (Array.isArray(schema.enum) && !schema.enum.includes(value)) {
      this.#report(path, `must be one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`);
    }
  }

  #number(schema: JsonObject, value: number, path: readonly (string | number)[]): void {
    const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema;
    if (typeof minimum === "number" && value < minimum) this.#report(path, `must be at least ${minimum}`);
    if (typeof maximum === "number" && value > maximum) this.#report(path, `must be at most ${maximum}`);
    if (typeof above === "number" && value <= above) this.#report(path, `must be more than ${above}`);
    if (typeof below === "number" && value >= below) this.#report(path, `must be less than ${below}`);
    if (Number.isInteger(multipleOf) && Number.isInteger(value) && value % (multipleOf as number) !== 0) {
      this.#report(path, `must be a multiple of ${multipleOf}`);
    }
  }

  #bounds(
    schema: JsonObject,
    size: { readonly of: number; readonly unit: string },
    path: Mismatch["path"],
  ): void {
    const [least, most] = [schema[`min${size.unit}`], schema[`max${size.unit}`]];
    const what = size.unit === "Length" ? "characters" : "items";
    if (typeof least === "number" && size.of < least)
      this.#report(path, `must have at least ${least} ${what}`);
    if (typeof most === "number" && size.of > most) this.#report(path, `must have at most ${most} ${what}`);
  }

  #list(schema: JsonObject, list: readonly Json[], path: readonly (string | number)[]): void {
    this.#bounds(schema, { of: list.length, unit: "Items" }, path);
    const first = listOf(schema.prefixItems);
    list.forEach((item, index) => this.check(first[index] ?? schema.items, item, [...path, index]));
  }

  #object(schema: JsonObject, object: JsonObject, path: readonly (string | number)[]): void {
    const properties = isObject(schema.properties) ? schema.properties : {};
    for (const name of listOf(schema.required)) {
      if (typeof name === "string" && !Object.hasOwn(object, name))
        this.#report([...path, name], "is required, and missing");
    }
    for (const [name, value] of Object.entries(object)) {
      if (Object.hasOwn(properties, name)) this.check(properties[name], value, [...path, name]);
      else if (schema.patternProperties !== undefined) continue;
      else if (schema.additionalProperties === false)
        this.#report([...path, name], `is not a field of this object`);
      else this.check(schema.additionalProperties, value, [...path, name]);
    }
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** A `$ref` within the same schema: `#`, `#/$defs/order`. Others: `undefined`, which accepts everything. */
export function resolve(root: Json, reference: string): Json | undefined {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let here: Json | undefined = root;
  for (const escaped of reference.split("/").slice(1)) {
    const name = escaped.replaceAll("~1", "/").replaceAll("~0", "~");
    here = isObject(here) && Object.hasOwn(here, name) ? here[name] : undefined;
  }
  return here;
}

function typesOf(schema: JsonObject): readonly string[] {
  if (typeof schema.type === "string") return [schema.type];
  const types = listOf(schema.type).filter((type) => typeof type === "string");
  return types.length === 0 ? ["any"] : types;
}

function hasType(value: Json, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

function typeName(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
