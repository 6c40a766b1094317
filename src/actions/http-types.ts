/** What a workflow passes to `http.request`, and what it gets. */
import { z } from "zod";
import type { Json } from "../core/json.ts";

/**
 * `bearer`: the field `token`. `basic`: `username` and `password`. `apiKey`: the field `key`, in the header `header`, or in the query as
 * `query`. `oauth2`: client credentials; `tokenUrl`, `clientId`, `clientSecret`, and `scope` and `audience` where they are needed.
 */
export type HttpAuth =
  | { readonly type: "bearer" | "basic" | "oauth2"; readonly credential: string }
  | { readonly type: "apiKey"; readonly credential: string; readonly header: string }
  | { readonly type: "apiKey"; readonly credential: string; readonly query: string };

/** Where the items and the next page are in the answers of a list. Paths are names of members with `.` between them; `""`: the whole. */
export interface HttpPages {
  /** Path of the list in the body of an answer. */
  readonly items: string;
  /**
   * `link`: the header `Link` with `rel="next"`. `{ url }`: path of the next page's address in the body. `{ cursor, param }`: path of a value
   * in the body that is sent as this member of the query. `{ page, start? }`: a number in the query that counts up from `start` (default 1)
   * until a page is empty. Where the header, the address or the value is missing, null or empty, that page was the last one.
   */
  readonly next:
    | "link"
    | { readonly url: string }
    | { readonly cursor: string; readonly param: string }
    | { readonly page: string; readonly start?: number | undefined };
  /** 1 to 1,000. A list with more pages fails, so that nothing is left out in silence. Default 100. */
  readonly maxPages?: number | undefined;
}

export type FormValue = string | number | boolean;

/** What a workflow passes to `http.request`. At most one of `body`, `form` and `binary`; all three are ignored with GET and HEAD. */
export interface HttpRequest {
  /** `http:` or `https:`. */
  readonly url: string;
  /** Default `GET`. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Added to the query of `url`. */
  readonly query?: Readonly<Record<string, FormValue>> | undefined;
  /** A text is sent as it is; everything else as JSON. */
  readonly body?: Json | undefined;
  /** Sent as `application/x-www-form-urlencoded`; a list is its name several times. */
  readonly form?: Readonly<Record<string, FormValue | readonly FormValue[]>> | undefined;
  /** Bytes in base64, sent as `application/octet-stream` unless `headers` says otherwise. */
  readonly binary?: string | undefined;
  /** A credential that the node's `credentials` names, and how it is sent. Only to its `allowHosts`, where it has some. */
  readonly auth?: HttpAuth | undefined;
  /** Statuses that are a success: 201, or `"3xx"` for all from 300 to 399. Default: 200 to 299. */
  readonly expect?: readonly (number | string)[] | undefined;
  /** How the body of the answer is given. `auto`: parsed where the answer says that it is JSON, else text. Default `auto`. */
  readonly response?: "auto" | "json" | "text" | "base64" | undefined;
  /** Only with GET: the whole list, page after page, as `body`. */
  readonly paginate?: HttpPages | undefined;
}

/** Its output. */
export interface HttpResponse {
  /** Of the last page, as the headers. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
  /** How many were read. Only with `paginate`. */
  readonly pages?: number | undefined;
}

export const response: z.ZodType<HttpResponse, HttpResponse> = z.object({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.json(),
  pages: z.int().optional(),
});

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
const credential = z.string();
const auth: z.ZodType<HttpAuth, HttpAuth> = z.union([
  z.strictObject({ type: z.enum(["bearer", "basic", "oauth2"]), credential }),
  z.strictObject({ type: z.literal("apiKey"), credential, header: headerName }),
  z.strictObject({ type: z.literal("apiKey"), credential, query: z.string().min(1) }),
]);

const formValue = z.union([z.string(), z.number(), z.boolean()]);
const param = z.string().min(1);
const pages: z.ZodType<HttpPages, HttpPages> = z.strictObject({
  items: z.string(),
  next: z.union([
    z.literal("link"),
    z.strictObject({ url: z.string() }),
    z.strictObject({ cursor: z.string(), param }),
    z.strictObject({ page: param, start: z.int().optional() }),
  ]),
  maxPages: z.int().min(1).max(1_000).optional(),
});

const BODIES = ["body", "form", "binary"] as const;

export const request: z.ZodType<HttpRequest, HttpRequest> = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).optional(),
    headers: z.record(headerName, z.string().regex(/^[^\r\n\0]*$/)).optional(),
    query: z.record(z.string(), formValue).optional(),
    body: z.json().optional(),
    form: z.record(z.string(), z.union([formValue, z.array(formValue)])).optional(),
    binary: z.base64().optional(),
    auth: auth.optional(),
    expect: z
      .array(z.union([z.int().min(100).max(599), z.string().regex(/^[1-5]xx$/)]))
      .min(1)
      .optional(),
    response: z.enum(["auto", "json", "text", "base64"]).optional(),
    paginate: pages.optional(),
  })
  .superRefine((asked, { addIssue }) => {
    const given = BODIES.filter((field) => asked[field] !== undefined);
    if (given.length > 1)
      addIssue({ code: "custom", path: [given[1]!], message: `not together with \`${given[0]}\`` });
    if (asked.paginate === undefined) return;
    if ((asked.method ?? "GET") !== "GET")
      addIssue({ code: "custom", path: ["paginate"], message: "only with the method GET" });
    if (asked.response === "text" || asked.response === "base64")
      addIssue({ code: "custom", path: ["response"], message: "must be JSON with `paginate`" });
  });
