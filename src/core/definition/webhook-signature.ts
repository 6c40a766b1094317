/**
 * `signature` of a webhook's source: who may send, as the workflow writes it. What can be known of it without a delivery is checked with the
 * document: the scheme, its fields and their forms. Whether the credential is there, and fits the scheme, is known when one comes.
 */
import { z } from "zod";
import { didYouMean } from "../suggestion.ts";
import type { Problem } from "./problems.ts";

export const NAMED_SCHEMES = ["standard", "svix", "github", "stripe", "slack", "shopify"] as const;

const headerName = z
  .string()
  .regex(/^[a-z0-9!#$%&'*+.^_|~-]{1,100}$/i, "the name of a header")
  .transform((name) => name.toLowerCase());
const secret = z.string().min(1).max(128);
/** Seconds, before and after. */
const tolerance = z.int().min(1).max(3_600).optional();

/** A scheme of the table. */
interface NamedSignature {
  readonly scheme: (typeof NAMED_SCHEMES)[number];
  /** Name of the credential. */
  readonly secret: string;
  readonly tolerance?: number | undefined;
}

export interface OwnSignature {
  readonly scheme: "hmac";
  readonly secret: string;
  /** What the secret is: the key as text, or its base64 or hex. */
  readonly secretEncoding: "text" | "base64" | "hex";
  readonly header: string;
  readonly prefix: string;
  readonly algorithm: "sha1" | "sha256" | "sha384" | "sha512";
  readonly encoding: "hex" | "base64" | "base64url";
  /** What is signed: `{timestamp}.{body}`. */
  readonly content: string;
  readonly timestampHeader?: string | undefined;
  readonly timestampUnit: "s" | "ms";
  readonly tolerance?: number | undefined;
  readonly idHeader?: string | undefined;
}

export interface TwilioSignature {
  readonly scheme: "twilio";
  readonly secret: string;
  /** The address that Twilio was told to call, without its query. None: the one of the request. */
  readonly url?: string | undefined;
}

interface Login {
  readonly scheme: "basic" | "bearer";
  readonly secret: string;
  readonly idHeader?: string | undefined;
}

interface Open {
  readonly scheme: "none";
  readonly idHeader?: string | undefined;
}

export type Signature = NamedSignature | OwnSignature | TwilioSignature | Login | Open;

const ADDRESS = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/;
const CONTENT_MAX = 200;
const PLACEHOLDER = /\{(?:id|timestamp|body)\}/g;

const own = z
  .strictObject({
    scheme: z.literal("hmac"),
    secret,
    secretEncoding: z.enum(["text", "base64", "hex"]).default("text"),
    header: headerName,
    prefix: z.string().max(32).default(""),
    algorithm: z.enum(["sha1", "sha256", "sha384", "sha512"]).default("sha256"),
    encoding: z.enum(["hex", "base64", "base64url"]).default("hex"),
    content: z.string().max(CONTENT_MAX).default("{body}"),
    timestampHeader: headerName.optional(),
    timestampUnit: z.enum(["s", "ms"]).default("s"),
    tolerance,
    idHeader: headerName.optional(),
  })
  .check((context) => {
    const message = contentProblem(context.value);
    if (message !== null)
      context.issues.push({ code: "custom", message, path: ["content"], input: context.value.content });
  });

const SIGNATURES = [
  z.strictObject({ scheme: z.enum(NAMED_SCHEMES), secret, tolerance }),
  own,
  z.strictObject({
    scheme: z.literal("twilio"),
    secret,
    url: z.string().max(2_000).regex(ADDRESS, "an address such as https://example.com/calls").optional(),
  }),
  z.strictObject({ scheme: z.enum(["basic", "bearer"]), secret, idHeader: headerName.optional() }),
  z.strictObject({ scheme: z.literal("none"), idHeader: headerName.optional() }),
] as const;

export const signatureSchema: z.ZodType<Signature> = z.discriminatedUnion("scheme", SIGNATURES);

const SCHEMES: readonly string[] = SIGNATURES.flatMap(({ shape: { scheme } }) => [
  ...(scheme instanceof z.ZodEnum ? scheme.options : scheme.values),
]);

/** What is wrong with a signature, each with its path below it. */
export function signatureProblems(value: object): readonly Problem[] {
  const { error } = signatureSchema.safeParse(value);
  return (error?.issues ?? []).flatMap((issue) => problemsOf(issue, value as { readonly scheme?: unknown }));
}

function problemsOf(issue: z.core.$ZodIssue, value: { readonly scheme?: unknown }): readonly Problem[] {
  const path = issue.path as Problem["path"];
  if (issue.code === "invalid_union") return [schemeProblem(value.scheme)];
  if (issue.code === "unrecognized_keys") {
    const fields = fieldsOf(value.scheme);
    return issue.keys.map((key) => ({
      code: "field_unknown",
      path: [...path, key],
      message: `There is no field \`${key.slice(0, 80)}\` in a signature with the scheme ${String(value.scheme)}.`,
      next: `Use ${fields.join(", ")}.${didYouMean(key, fields)}`,
    }));
  }
  const name = String(path.at(-1));
  const isMissing = issue.code === "invalid_type" && !Object.hasOwn(value, name);
  return [
    {
      code: isMissing ? "field_missing" : "field_invalid",
      path,
      message: isMissing ? `The field \`${name}\` is missing.` : `\`${name}\` does not fit the scheme.`,
      next: `${issue.message
        .replace(/, received undefined$/, "")
        .replace(/^Invalid (?:input|string|option): e/, "E")
        .replace(/\.$/, "")}.`,
    },
  ];
}

function schemeProblem(scheme: unknown): Problem {
  const next = `Use ${SCHEMES.join(", ")}.`;
  if (scheme === undefined)
    return { code: "field_missing", path: ["scheme"], message: "The field `scheme` is missing.", next };
  return {
    code: "kind_unknown",
    path: ["scheme"],
    message: `${JSON.stringify(scheme)?.slice(0, 80)} is no scheme of signatures.`,
    next: typeof scheme === "string" ? `${next}${didYouMean(scheme, SCHEMES)}` : next,
  };
}

function fieldsOf(scheme: unknown): readonly string[] {
  const found = SIGNATURES.find(({ shape }) => shape.scheme.safeParse(scheme).success);
  return Object.keys(found?.shape ?? {});
}

/**
 * Everything that the scheme relies on must be signed, and only one way to cut the signed text into its parts may exist: who can move a
 * character from one part to the next changes a delivery without its key.
 */
function contentProblem({ content, timestampHeader, idHeader }: OwnSignature): string | null {
  const count = (name: string) => content.split(`{${name}}`).length - 1;
  if (/[{}]/.test(content.replaceAll(PLACEHOLDER, "")))
    return "The content knows {body}, {timestamp} and {id} and no other braces.";
  if (count("body") !== 1) return "The content has {body} once: what is not signed says nothing.";
  if (count("timestamp") !== Number(timestampHeader !== undefined))
    return "The content has {timestamp} once where there is a timestampHeader, and only there.";
  if (count("id") > Number(idHeader !== undefined))
    return "The content has {id} at most once, and only with an idHeader.";
  if (/\}\{id\}|\{id\}\{/.test(content))
    return "Something stands between {id} and its neighbours, as in {id}.{body}.";
  return null;
}
