/** What the audit is told of a call, beside who, what and to what. */
import type { AuditNote, BulkResult, JsonObject } from "../index.ts";

/** As JSON, without what was left away. */
export function chosen(facts: object): JsonObject {
  return JSON.parse(JSON.stringify(facts)) as JsonObject;
}

/** How many it was done to. */
export function counted(note: AuditNote, result: BulkResult): BulkResult {
  note({ details: { done: result.done, refused: result.refused } });
  return result;
}

/** Of a body that nobody has checked yet. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
