/** Access tokens by OAuth 2.0 client credentials (RFC 6749, 4.4), kept until shortly before they end. */
import { createHash } from "node:crypto";
import type { ActionContext, GrantedCredential } from "../core/definition/action.ts";
import type { OutboundFetch } from "../core/definition/outbound.ts";
import { isMarked } from "../core/run/classify.ts";
import { PermanentError, RetryableError } from "../core/run/failures.ts";
import { encodeForm } from "./http-body.ts";
import { discard, HttpStatusError } from "./http-answer.ts";

/** A token is not used any more so long before its end: clocks differ, and a request takes time. */
const MARGIN_MS = 60_000;
/** Of a token whose answer says nothing of its end. */
const DEFAULT_LIFE_MS = 5 * 60_000;
/** Tokens are small, and another one is one request away. */
const MAX_KEPT = 1_000;

interface Token {
  readonly value: string;
  readonly endsAt: number;
}

type Asking = Pick<ActionContext<unknown>, "fetch" | "run" | "signal">;

/**
 * The tokens of this process, oldest first. The key holds the workspace and everything that was sent for the token, so no workspace
 * gets another one's, and a credential that was changed has a token of its own.
 */
const kept = new Map<string, Token>();

/**
 * The fields `tokenUrl`, `clientId` and `clientSecret` are required; `scope` and `audience` are sent where they are there.
 * `refused`: a token that the service did not take, which is not given again.
 */
export async function accessToken(
  {
    name,
    credential,
    refused,
  }: { name: string; credential: GrantedCredential; refused?: string | undefined },
  context: Asking,
): Promise<string> {
  const { fields } = credential;
  const asked = ["tokenUrl", "clientId", "clientSecret", "scope", "audience"].map(
    (field) => fields[field] ?? null,
  );
  const key = createHash("sha256")
    .update(JSON.stringify([context.run.workspace, name, ...asked]))
    .digest("base64");
  const known = kept.get(key);
  if (known && known.value !== refused && known.endsAt - MARGIN_MS > Date.now()) return known.value;
  const token = await request(name, credential, context);
  kept.delete(key);
  kept.set(key, token);
  if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value as string);
  return token.value;
}

async function request(
  name: string,
  { fields, allowHosts }: GrantedCredential,
  context: Asking,
): Promise<Token> {
  const field = (one: string): string => {
    const value = fields[one];
    if (value) return value;
    throw new PermanentError(`Credential "${name}" needs a field "${one}".`);
  };
  const [tokenUrl, id, secret] = [field("tokenUrl"), field("clientId"), field("clientSecret")];
  if (!URL.canParse(tokenUrl))
    throw new PermanentError(`The field "tokenUrl" of credential "${name}" is no address.`);
  const url = new URL(tokenUrl);
  const { scope, audience } = fields;
  const answer = await ask(url, context, {
    method: "POST",
    allowHosts,
    redirect: "manual",
    headers: {
      accept: "application/json",
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: encodeForm({
      grant_type: "client_credentials",
      ...(scope ? { scope } : {}),
      ...(audience ? { audience } : {}),
    }),
  });
  if (answer.ok) return tokenOf(await answer.json().catch(() => null), url);
  await discard(answer);
  const error = new HttpStatusError("POST", url, answer);
  throw answer.status >= 500 ? new RetryableError(error.message, { cause: error }) : error;
}

/** Whatever becomes of this request, that of the workflow was not sent yet. */
async function ask(
  url: URL,
  { fetch, signal }: Asking,
  init: NonNullable<Parameters<OutboundFetch>[1]>,
): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal });
  } catch (error) {
    if (signal.aborted || isMarked(error)) throw error;
    throw new RetryableError(`No access token from ${url.origin}${url.pathname}.`, { cause: error });
  }
}

function tokenOf(said: unknown, url: URL): Token {
  const {
    access_token: value,
    token_type: type,
    expires_in: seconds,
  } = Object(said) as Record<string, unknown>;
  if (typeof value !== "string" || value === "" || String(type ?? "bearer").toLowerCase() !== "bearer")
    throw new PermanentError(`${url.origin}${url.pathname} gave no bearer token.`);
  const life = Number(seconds) > 0 ? Number(seconds) * 1_000 : DEFAULT_LIFE_MS;
  return { value, endsAt: Date.now() + life };
}
