import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { checkValue, type ValueLimits } from "../core/values.ts";

/** A value of the host's, as it will be stored. `subject`: what it is, for the error. Throws `value_invalid`. */
export function checkedValue(value: unknown, limits: ValueLimits, subject: string): Json {
  const checked = checkValue(value, limits);
  if (checked.ok) return checked.value;
  const { path, message } = checked.problem;
  throw new FlowForgeError("value_invalid", {
    subject,
    expected: "a JSON value within the limits",
    received: `a value that${path.length > 0 ? ` at ${path.join(".")}` : ""} ${message}`,
    next: "Pass plain objects, lists, strings, finite numbers, booleans or null.",
  });
}
