/** What a host passes, checked against a schema before anything is done with it. */
import { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";
import { didYouMean } from "../core/suggestion.ts";

/** Throws `option_invalid` that names the first wrong option of the call, what was expected and what came. */
export function checkOptions(schema: z.ZodObject, options: unknown, call: string): void {
  const result = schema.safeParse(options);
  if (result.success) return;
  const issue = result.error.issues[0]!;
  throw issue.code === "unrecognized_keys"
    ? unknownOption([...issue.path, issue.keys[0]!], schema, call)
    : wrongOption(issue, options, call);
}

function unknownOption(path: readonly PropertyKey[], schema: z.ZodObject, call: string): FlowForgeError {
  const name = String(path.at(-1));
  const known = namesAt(schema, path.slice(0, -1));
  return new FlowForgeError("option_invalid", {
    subject: subjectOf(path, call),
    expected: `one of ${known.join(", ")}`,
    received: `"${name}"`,
    next: `Remove it or correct its name.${didYouMean(name, known)}`,
  });
}

/** The names that the object at this path of the schema knows. */
function namesAt(schema: z.ZodObject, path: readonly PropertyKey[]): readonly string[] {
  let inner: z.ZodObject | z.ZodRecord | null = schema;
  for (const step of path)
    inner = objectIn(inner instanceof z.ZodObject ? inner.shape[String(step)] : inner?.valueType);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** The object that may stand here, where anything else may too. */
function objectIn(schema: unknown): z.ZodObject | z.ZodRecord | null {
  if (schema instanceof z.ZodOptional) return objectIn(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.map(objectIn).find((each) => each !== null) ?? null;
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? schema : null;
}

function wrongOption(issue: z.core.$ZodIssue, options: unknown, call: string): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject: issue.path.length > 0 ? subjectOf(issue.path, call) : `the options of ${call}`,
    expected: issue.message,
    received: kindOf(issue.path.reduce<unknown>((value, key) => Object(value)[key], options)),
    next: "Correct the option; docs/reference/options.md lists all of them.",
  });
}

function subjectOf(path: readonly PropertyKey[], call: string): string {
  return `option "${path.join(".")}" of ${call}`;
}

/** The kind of a value, never the value: it may hold a password. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
