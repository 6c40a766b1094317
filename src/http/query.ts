/** The query of a URL as an object: each name once, but for those that make a list. */
import { FlowForgeError } from "../core/errors.ts";
import { WORKSPACE_PARAMETER } from "./access.ts";
import type { Route } from "./route.ts";

const LISTS: ReadonlySet<string> = new Set(["status", "label"]);

/** Throws `http_request_invalid`: which of two values counts is a matter of taste, and so of attacks. */
export function queryOf(request: Request, route: Route): Readonly<Record<string, string | string[]>> {
  const { searchParams } = new URL(request.url);
  // Whom it is for was read with the login.
  if (!route.open) searchParams.delete(WORKSPACE_PARAMETER);
  const names = new Set(searchParams.keys());
  if (!route.query && names.size > 0) throw invalid([...names][0]!, "no query");
  return Object.fromEntries(
    [...names].map((name) => {
      const values = searchParams.getAll(name);
      if (LISTS.has(name)) return [name, values];
      if (values.length > 1) throw invalid(name, "one value");
      return [name, values[0]!];
    }),
  );
}

function invalid(name: string, expected: string): FlowForgeError {
  return new FlowForgeError("http_request_invalid", {
    subject: `${JSON.stringify(name.slice(0, 80))} of the query`,
    expected,
    next: "Correct the URL.",
  });
}
