/** Senders that show what they know instead of signing with it. Digests are compared, so the time does not tell a secret's length. */
import { createHash } from "node:crypto";
import { isSameSecret } from "../../security/same-secret.ts";
import { headerOf, type WebhookRequest } from "./request.ts";
import { type NotVerified, refused } from "./verdict.ts";

/** `null`: the login is right. For `basic` a secret is `user:password`. */
export function loginProblem(
  request: WebhookRequest,
  scheme: "basic" | "bearer",
  secrets: readonly string[],
): NotVerified | null {
  const wanted = secrets
    .filter((secret) => scheme === "bearer" || secret.includes(":"))
    .map((secret) =>
      scheme === "bearer" ? `Bearer ${secret}` : `Basic ${Buffer.from(secret).toString("base64")}`,
    );
  if (wanted.length === 0) {
    const form = scheme === "basic" ? "username and password" : "token";
    return refused("secret_missing", `The credential has no ${form}.`);
  }
  const header = headerOf(request, "authorization");
  if (!header) return refused("signature_missing", "There is no header authorization.");
  const given = hash(header);
  // Every one is compared, so that the time says nothing of which.
  const fits = wanted.map((each) => isSameSecret(given, hash(each))).includes(true);
  return fits ? null : refused("signature_mismatch", "The login is another one.");
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
