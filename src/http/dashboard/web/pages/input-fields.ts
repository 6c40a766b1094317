/** A form's fields from a JSON Schema. */

export interface Field {
  readonly name: string;
  /** `json`: lists and objects, and what may be of several types. */
  readonly type: "text" | "number" | "integer" | "boolean" | "json";
  readonly required: boolean;
  readonly choices: readonly string[] | null;
  readonly description: string | null;
}

interface Schema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly description?: unknown;
}

/** `null`: it is not an object with fields, and a form would not help. */
export function fieldsOf(schema: object | undefined): readonly Field[] | null {
  const { type, properties, required = [] }: Schema = schema ?? {};
  if (type !== "object" || !properties) return null;
  return Object.entries(properties).map(([name, each]) => ({
    name,
    type: typeOf(each),
    required: required.includes(name),
    choices: choicesOf(each),
    description: typeof each.description === "string" ? each.description : null,
  }));
}

function typeOf({ type }: Schema): Field["type"] {
  if (type === "string") return "text";
  return type === "number" || type === "integer" || type === "boolean" ? type : "json";
}

function choicesOf(schema: Schema): readonly string[] | null {
  if (schema.type === "boolean") return ["true", "false"];
  const texts = schema.enum?.filter((each) => typeof each === "string");
  return texts && texts.length > 0 && texts.length === schema.enum?.length ? texts : null;
}

/** The input that was filled in. A field that may be left out and is empty is left out. Throws `SyntaxError`. */
export function asValue(
  fields: readonly Field[],
  texts: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const filled = fields.filter(({ name, required }) => required || (texts[name] ?? "") !== "");
  return Object.fromEntries(filled.map((field) => [field.name, one(field, texts[field.name] ?? "")]));
}

function one({ type }: Field, text: string): unknown {
  if (type === "text") return text;
  if (type === "number" || type === "integer") return Number(text);
  return JSON.parse(text);
}
