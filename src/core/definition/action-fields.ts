/** Fields of the definition of an action, as it comes from a host. */
import { FlowForgeError } from "../errors.ts";
import { fits, NAME } from "./names.ts";

export function isTarget(target: unknown): boolean {
  if (typeof target === "string") return target.length >= 1 && target.length <= 200;
  return target === undefined || target === null || typeof target === "function";
}

export function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Throws `option_invalid`. */
export function checkCredentials(credentials: unknown, subject: string): void {
  const expected = `a list of different names, each of ${NAME.words}`;
  if (!Array.isArray(credentials)) throw invalid(subject, { expected, received: show(credentials) });
  const names: readonly unknown[] = credentials;
  const wrong = names.findIndex(
    (name, index) => typeof name !== "string" || !fits(NAME, name) || names.indexOf(name) < index,
  );
  if (wrong !== -1) throw invalid(subject, { expected, received: show(names[wrong]) });
}

/** What came, in an error. */
export function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : typeof value;
}

export function invalid(
  subject: string,
  came: { readonly expected: string; readonly received: string },
): FlowForgeError {
  return new FlowForgeError("option_invalid", {
    subject,
    ...came,
    next: "Correct the definition of the action.",
  });
}
