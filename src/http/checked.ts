/** What a request brings, checked against the schema of its route. */
import type { z } from "zod";
import { FlowForgeError } from "../core/errors.ts";

/** Throws `http_request_invalid` with the first problem. The value is not repeated: it may hold a secret. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, part: "query" | "body"): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String).join(".").slice(0, 200);
  throw new FlowForgeError("http_request_invalid", {
    subject: path === "" ? `the ${part}` : `"${path}" of the ${part}`,
    expected: issue.message.slice(0, 300).replace(/\.$/, ""),
    next: "Correct it; the OpenAPI document says what the operation takes.",
  });
}
