/**
 * Secrets, and what is made of them, are compared in one place. A structural test: it reads the source, and takes names for what they say. What it
 * finds elsewhere is a comparison that a stranger may measure, or something that deserves another name.
 */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { isSameSecret } from "../../../src/security/same-secret.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const ONE_PLACE = "src/security/same-secret.ts";
const FILES = globSync("src/**/*.{ts,tsx}", { cwd: ROOT }).sort();

/** Words of names that hold a secret, or a digest of one. */
const SECRET =
  /(?:^|[^a-z])(?:secrets?|signatures?|signed|h?macs?|digests?|tokens?|passwords?|bearer|authorization|cookies?|api ?keys?|private ?keys?)$/;
const COMPARES = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
]);
const COMPARING_CALLS =
  /^(?:equals|compare|localeCompare|includes|indexOf|lastIndexOf|startsWith|endsWith|has|isDeepStrictEqual)$/;

/** Signs, and compares nothing. */
const ONLY_SIGNS = new Set(["src/actions/webhook-deliver.ts"]);

function sourceOf(file: string): string {
  return readFileSync(`${ROOT}${file}`, "utf8");
}

/** `signatureOf(key)` is `signature of`; the last word of what is compared counts, without `of`. */
function nameOf(node: ts.Expression): string {
  if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) return node.text.replace(/^#/, "");
  if (ts.isPropertyAccessExpression(node)) return nameOf(node.name);
  if (ts.isElementAccessExpression(node))
    return ts.isStringLiteralLike(node.argumentExpression)
      ? node.argumentExpression.text
      : nameOf(node.expression);
  if (ts.isCallExpression(node)) return nameOf(node.expression);
  if (ts.isNonNullExpression(node) || ts.isAsExpression(node) || ts.isParenthesizedExpression(node))
    return nameOf(node.expression);
  if (ts.isAwaitExpression(node)) return nameOf(node.expression);
  return "";
}

function isSecret(node: ts.Expression): boolean {
  const words = nameOf(node)
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll(/[_-]/g, " ")
    .toLowerCase()
    .replace(/ of$/, "");
  return SECRET.test(words);
}

/** What is written there is known to everybody. */
function isKnown(node: ts.Expression): boolean {
  if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node) || ts.isTypeOfExpression(node)) return true;
  if (ts.isIdentifier(node)) return node.text === "undefined" || /^[A-Z][A-Z0-9_]*$/.test(node.text);
  return (
    node.kind === ts.SyntaxKind.NullKeyword ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword
  );
}

function comparisonsIn(text: string, file = "a.ts"): readonly string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const operands = operandsOf(node);
    if (operands.some(isSecret) && !operands.some(isKnown)) found.push(`${file}: ${node.getText()}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function operandsOf(node: ts.Node): readonly ts.Expression[] {
  if (ts.isBinaryExpression(node) && COMPARES.has(node.operatorToken.kind)) return [node.left, node.right];
  if (!ts.isCallExpression(node) || !COMPARING_CALLS.test(nameOf(node.expression))) return [];
  const of = ts.isPropertyAccessExpression(node.expression) ? [node.expression.expression] : [];
  return [...of, ...node.arguments];
}

test("finds what it is to find", () => {
  const wrong = [
    "if (signature === expected) let in",
    "given.secret !== wanted",
    "const fits = expected.equals(hmac)",
    "tokens.includes(given)",
    'headers["authorization"] == wanted',
    'createHmac("sha256", key).digest("hex") === given',
    "this.#password === given",
    "isDeepStrictEqual(signatureOf(body), given)",
    "apiKey === given",
  ];
  for (const text of wrong) expect(comparisonsIn(text)).toEqual([expect.stringContaining("a.ts: ")]);
  const right = [
    'typeof secret === "string"',
    "secret === undefined",
    "secret !== null",
    'secret === ""',
    "signature.length === 64",
    "secrets.length === 0",
    "signatureKind === given",
    "isSameSecret(signature, expected)",
    "text.startsWith(PREFIX)",
  ];
  for (const text of right) expect(comparisonsIn(text)).toEqual([]);
});

test("nothing in src compares secrets but the function that is made for it", () => {
  const found = FILES.filter((file) => file !== ONE_PLACE).flatMap((file) =>
    comparisonsIn(sourceOf(file), file),
  );
  expect(found).toEqual([]);
});

test("only that function knows how, and whoever makes digests with a key asks it, or compares none", () => {
  const holds = (word: string) => FILES.filter((file) => sourceOf(file).includes(word));
  expect(holds("timingSafeEqual")).toEqual([ONE_PLACE]);
  for (const file of holds("createHmac"))
    expect([file, ONLY_SIGNS.has(file) || sourceOf(file).includes("isSameSecret(")]).toEqual([file, true]);
});

test("it says whether two are the same, whatever they are", () => {
  const long = "é".repeat(500);
  expect(isSameSecret(long, long)).toBe(true);
  expect(isSameSecret("a", new Uint8Array([97]))).toBe(true);
  expect(isSameSecret("", "")).toBe(true);
  // The same bytes in base64, and another text.
  expect(isSameSecret("QQ==", "QR==")).toBe(false);
  for (const [a, b] of [
    ["a", "b"],
    ["a", "ab"],
    ["", "a"],
    [long, `${long} `],
  ] as const)
    expect(isSameSecret(a, b)).toBe(false);
});
