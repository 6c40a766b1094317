/**
 * Signature schemes as data: where the signature is, what was signed, and how the delivery is called. `hmac` is the same with every part
 * chosen by the workflow.
 */
import { z } from "zod";

/** A scheme that signs the body with a key that both sides know. */
export interface HmacScheme {
  /** Header with the signatures. */
  readonly header: string;
  /** What stands before a signature: `sha256=`. */
  readonly prefix: string;
  readonly encoding: "hex" | "base64";
  /** The secret is base64 behind this; `null`: it is the key itself, as text. */
  readonly keyPrefix: string | null;
  /** Several in one header, `,` or ` ` between them; `null`: one. */
  readonly separator: string | null;
  /** Header with the time of signing in seconds, or the name of the part of `header` that has it. */
  readonly timestamp: { readonly header: string } | { readonly part: string } | null;
  /** Header with the id, or a member of the JSON body. */
  readonly id: { readonly header: string } | { readonly member: string } | null;
  /** What is signed, part by part, `separatedBy` in between. */
  readonly signed: readonly ("id" | "timestamp" | "body" | { readonly text: string })[];
  readonly separatedBy: string;
}

const plain = {
  prefix: "",
  encoding: "hex",
  keyPrefix: null,
  separator: null,
  timestamp: null,
  id: null,
  signed: ["body"],
  separatedBy: ".",
} as const;

const standard = (name: string): HmacScheme => ({
  ...plain,
  header: `${name}-signature`,
  prefix: "v1,",
  encoding: "base64",
  keyPrefix: "whsec_",
  separator: " ",
  timestamp: { header: `${name}-timestamp` },
  id: { header: `${name}-id` },
  signed: ["id", "timestamp", "body"],
});

const NAMED = ["standard", "svix", "github", "stripe", "slack", "shopify"] as const;

export const HMAC_SCHEMES: Readonly<Record<(typeof NAMED)[number], HmacScheme>> = {
  standard: standard("webhook"),
  svix: standard("svix"),
  github: {
    ...plain,
    header: "x-hub-signature-256",
    prefix: "sha256=",
    id: { header: "x-github-delivery" },
  },
  stripe: {
    ...plain,
    header: "stripe-signature",
    prefix: "v1=",
    separator: ",",
    timestamp: { part: "t=" },
    id: { member: "id" },
    signed: ["timestamp", "body"],
  },
  slack: {
    ...plain,
    header: "x-slack-signature",
    prefix: "v0=",
    timestamp: { header: "x-slack-request-timestamp" },
    id: { member: "event_id" },
    signed: [{ text: "v0" }, "timestamp", "body"],
    separatedBy: ":",
  },
  shopify: {
    ...plain,
    header: "x-shopify-hmac-sha256",
    encoding: "base64",
    id: { header: "x-shopify-event-id" },
  },
};

const headerName = z
  .string()
  .regex(/^[a-z0-9!#$%&'*+.^_|~-]{1,100}$/i)
  .transform((name) => name.toLowerCase());
const secret = z.string().min(1).max(128);

/** A scheme of the table. */
interface NamedSignature {
  readonly scheme: (typeof NAMED)[number];
  /** Name of the credential. */
  readonly secret: string;
  readonly tolerance?: number | undefined;
}

export interface OwnSignature {
  readonly scheme: "hmac";
  readonly secret: string;
  readonly header: string;
  readonly prefix: string;
  readonly encoding: "hex" | "base64";
  readonly idHeader?: string | undefined;
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

/** `signature` of a webhook's source. */
export type Signature = NamedSignature | OwnSignature | Login | Open;

export const signatureSchema: z.ZodType<Signature> = z.discriminatedUnion("scheme", [
  z.strictObject({
    scheme: z.enum(NAMED),
    secret,
    /** Seconds, before and after. */
    tolerance: z.int().min(1).max(3_600).optional(),
  }),
  z.strictObject({
    scheme: z.literal("hmac"),
    secret,
    header: headerName,
    prefix: z.string().max(32).default(""),
    encoding: z.enum(["hex", "base64"]).default("hex"),
    idHeader: headerName.optional(),
  }),
  z.strictObject({ scheme: z.enum(["basic", "bearer"]), secret, idHeader: headerName.optional() }),
  z.strictObject({ scheme: z.literal("none"), idHeader: headerName.optional() }),
]);
