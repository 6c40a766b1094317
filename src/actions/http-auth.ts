/** How `http.request` shows who it is. */
import type { ActionContext } from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";

/**
 * `bearer`: the field `token`. `basic`: `username` and `password`. `apiKey`: the field `key`, in the header `header`, or in the query as
 * `query`.
 */
export type HttpAuth =
  | { readonly type: "bearer" | "basic"; readonly credential: string }
  | { readonly type: "apiKey"; readonly credential: string; readonly header: string }
  | { readonly type: "apiKey"; readonly credential: string; readonly query: string };

/** Puts the credential into the request. Gives the hosts that it may go to; `null`: any. */
export async function authorise(
  { url, headers }: { readonly url: URL; readonly headers: Headers },
  auth: HttpAuth | undefined,
  context: Pick<ActionContext<unknown>, "credential">,
): Promise<readonly string[] | null> {
  if (auth === undefined) return null;
  const { fields, allowHosts } = await context.credential(auth.credential);
  const field = (name: string): string => fields[name] ?? missing(auth.credential, name);
  switch (auth.type) {
    case "bearer":
      headers.set("authorization", `Bearer ${field("token")}`);
      break;
    case "basic":
      headers.set("authorization", basic(field("username"), field("password")));
      break;
    case "apiKey":
      if ("header" in auth) headers.set(auth.header, field("key"));
      else url.searchParams.set(auth.query, field("key"));
  }
  return allowHosts;
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function missing(credential: string, name: string): never {
  throw new PermanentError(`Credential "${credential}" has no field "${name}". Set it with that field.`);
}
