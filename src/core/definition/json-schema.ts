/**
 * Which JSON Schemas a document may have: draft 2020-12 without what would need more than a look at the value itself. A keyword
 * that would not be checked is a problem here, never ignored: whoever wrote it relies on it.
 */
import { compilePattern } from "../expression/pattern.ts";
import type { Json, JsonObject } from "../json.ts";
import { didYouMean } from "../suggestion.ts";
import type { Problem } from "./problems.ts";
import { FORMATS } from "./json-schema-formats.ts";
import { endlessReferences } from "./json-schema-refs.ts";
import { isObject, resolveReference } from "./json-schema-shape.ts";

type Path = readonly (string | number)[];

type Form =
  | "any"
  | "count"
  | "flag"
  | "format"
  | "list"
  | "names"
  | "namesMap"
  | "number"
  | "pattern"
  | "patternMap"
  | "positive"
  | "reference"
  | "root"
  | "schema"
  | "schemaMap"
  | "schemas"
  | "text"
  | "types";

const FORM_OF: ReadonlyMap<string, Form> = new Map<string, Form>([
  ...each("schema", "items additionalProperties propertyNames contains not if then else"),
  ...each("schemas", "allOf anyOf oneOf prefixItems"),
  ...each("schemaMap", "properties $defs definitions dependentSchemas"),
  ...each("patternMap", "patternProperties"),
  ...each(
    "count",
    "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains",
  ),
  ...each("number", "minimum maximum exclusiveMinimum exclusiveMaximum"),
  ...each("positive", "multipleOf"),
  ...each("names", "required"),
  ...each("namesMap", "dependentRequired"),
  ...each("flag", "uniqueItems deprecated readOnly writeOnly"),
  ...each("text", "title description $comment contentEncoding contentMediaType"),
  ...each("list", "enum examples"),
  ...each("any", "const default"),
  ...each("root", "$schema $id"),
  ["format", "format"],
  ["pattern", "pattern"],
  ["$ref", "reference"],
  ["type", "types"],
]);

const TYPES: ReadonlySet<unknown> = new Set([
  "null",
  "boolean",
  "object",
  "array",
  "number",
  "integer",
  "string",
]);
const DIALECT = /^https?:\/\/json-schema\.org\/draft(\/2020-12|\/2019-09|-07)\/schema#?$/;

/** Every problem of a schema; `path` is where it stands in the document. The depth of the schema must be known to be bearable. */
export function schemaProblems(schema: JsonObject, path: Path): readonly Problem[] {
  const problems: Problem[] = [];
  new Walk(schema, problems, path.length + 1).schema(schema, path);
  for (const name of problems.length > 0 ? [] : endlessReferences(schema)) {
    problems.push(
      schemaProblem([...path, ...name], "The schema refers to itself without end.", {
        next: "Let the reference stand below `properties` or `items`, so that every round looks at a smaller value.",
      }),
    );
  }
  return problems;
}

class Walk {
  readonly #root: JsonObject;
  readonly #problems: Problem[];
  /** Of the keywords at the top of the schema. */
  readonly #topLength: number;

  constructor(root: JsonObject, problems: Problem[], topLength: number) {
    this.#root = root;
    this.#problems = problems;
    this.#topLength = topLength;
  }

  schema(schema: Json | undefined, path: Path): void {
    if (typeof schema === "boolean") return;
    if (!isObject(schema)) return this.#report(path, "Here must be a schema: an object, true or false.");
    for (const [keyword, value] of Object.entries(schema)) {
      const form = FORM_OF.get(keyword);
      if (form === undefined) this.#unknown(keyword, [...path, keyword]);
      else this.#keyword(form, value, [...path, keyword]);
    }
  }

  #unknown(keyword: string, path: Path): void {
    // By custom, notes of tools.
    if (keyword.startsWith("x-")) return;
    const next =
      keyword === "nullable"
        ? 'Write `"type": ["string", "null"]` instead.'
        : `Remove it, or check it in an action.${didYouMean(keyword, FORM_OF.keys())}`;
    this.#problems.push(
      schemaProblem(path, `The keyword \`${keyword.slice(0, 80)}\` is not checked.`, { next }),
    );
  }

  #keyword(form: Form, value: Json, path: Path): void {
    switch (form) {
      case "schema":
        return this.schema(value, path);
      case "schemas":
        if (!Array.isArray(value) || value.length === 0)
          return this.#report(path, "Here must be a list of schemas.");
        return value.forEach((one: Json, index) => this.schema(one, [...path, index]));
      case "schemaMap":
      case "patternMap":
        if (!isObject(value)) return this.#report(path, "Here must be an object of schemas.");
        for (const [name, one] of Object.entries(value)) {
          if (form === "patternMap") this.#pattern(name, [...path, name]);
          this.schema(one, [...path, name]);
        }
        return;
      case "pattern":
        return this.#pattern(value, path);
      case "root":
        if (path.length > this.#topLength)
          return this.#report(path, "This keyword may only stand at the top of the schema.");
        if (path.at(-1) === "$schema" && !DIALECT.test(String(value))) {
          this.#report(path, "This dialect of JSON Schema is not known.");
        }
        return;
      case "reference":
        return this.#reference(value, path);
      default:
        if (!SIMPLE_FORMS[form].test(value)) this.#report(path, SIMPLE_FORMS[form].message);
    }
  }

  #pattern(value: Json, path: Path): void {
    if (typeof value === "string" && compilePattern(value) !== null) return;
    this.#problems.push(
      schemaProblem(
        path,
        "Here must be a regular expression that RE2 knows, of at most 1024 characters and, its repeats written out, 20,000 parts.",
        {
          next: "Write it without look-ahead, look-behind and back references, or check it in an action.",
        },
      ),
    );
  }

  #reference(value: Json, path: Path): void {
    if (typeof value === "string" && resolveReference(this.#root, value) !== undefined) return;
    this.#report(path, 'A reference must be "#" or lead to something that exists, such as "#/$defs/name".');
  }

  #report(path: Path, message: string): void {
    this.#problems.push(
      schemaProblem(path, message, { next: "Correct it; the dialect is JSON Schema 2020-12." }),
    );
  }
}

type SimpleForm = Exclude<
  Form,
  "schema" | "schemas" | "schemaMap" | "patternMap" | "pattern" | "root" | "reference"
>;

const isNames = (value: Json): boolean =>
  Array.isArray(value) && value.every((name) => typeof name === "string");

const SIMPLE_FORMS: Record<
  SimpleForm,
  { readonly test: (value: Json) => boolean; readonly message: string }
> = {
  any: { test: () => true, message: "" },
  count: {
    test: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
    message: "Here must be a whole number from 0.",
  },
  number: { test: (value) => typeof value === "number", message: "Here must be a number." },
  positive: {
    test: (value) => typeof value === "number" && value > 0,
    message: "Here must be a number above 0.",
  },
  flag: { test: (value) => typeof value === "boolean", message: "Here must be true or false." },
  text: { test: (value) => typeof value === "string", message: "Here must be a text." },
  list: { test: (value) => Array.isArray(value), message: "Here must be a list." },
  names: { test: isNames, message: "Here must be a list of names." },
  namesMap: {
    test: (value) => isObject(value) && Object.values(value).every(isNames),
    message: "Here must be an object of lists of names.",
  },
  format: {
    test: (value) => typeof value === "string" && FORMATS.has(value),
    message: `Only these formats are checked: ${[...FORMATS.keys()].join(", ")}.`,
  },
  types: {
    test: (value) =>
      Array.isArray(value) && value.length > 0 ? value.every((one) => TYPES.has(one)) : TYPES.has(value),
    message: `Here must be one or more of ${[...TYPES].join(", ")}.`,
  },
};

function each(form: Form, keywords: string): [string, Form][] {
  return keywords.split(" ").map((keyword) => [keyword, form]);
}

function schemaProblem(path: Path, message: string, { next }: { readonly next: string }): Problem {
  return { code: "schema_invalid", path, message, next };
}
