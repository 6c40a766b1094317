/** `expr` and `text` of the builder, and how values become templates: `{{ }}` for what is read, escaped text for the rest. */
import type { Json } from "../json.ts";
import { checkValue } from "../values.ts";
import { RESERVED_KEYS } from "./names.ts";
import type { Expression, ExpressionPart, Text } from "./reference-types.ts";
import { expressionOf, type Piece, refuseUse, remember, type Root, type Source, sourceOf } from "./refs.ts";

/**
 * A CEL expression around references: expr`${paid.output.cents} > ${limit}`. Values become CEL literals, so a text from elsewhere can
 * never become code. What stands between is taken as it is typed, backslashes too.
 */
export type Expr<Of extends string> = (
  parts: TemplateStringsArray,
  ...values: readonly ExpressionPart<Of>[]
) => Expression<Of>;

/** A text around references: text`Order ${input.id}`. A null in it becomes nothing, lists and objects become JSON. */
export type TextTag<Of extends string> = (
  parts: TemplateStringsArray,
  ...values: readonly unknown[]
) => Text<Of>;

export function makeExpr(owner: Root["owner"]): Expr<string> {
  return (parts, ...values) => {
    const expression = parts.raw.reduce((before, part, index) => {
      const value = values[index - 1];
      const source = sourceOf(value);
      if (source?.type === "text") {
        refuseUse(owner, before.trim(), "is followed by a text`...`, which is no expression");
      }
      return before + (source ? inside(source) : literal(owner, before, value)) + part;
    });
    return made<Expression>(owner, values, {
      type: "expression",
      pieces: [{ expression: expression.trim() }],
    });
  };
}

/** A path needs no parentheses, whatever stands around it. */
function inside(source: Source): string {
  const expression = expressionOf(source);
  return source.type === "reference" ? expression : `(${expression})`;
}

function literal(owner: Root["owner"], before: string, value: unknown): string {
  const checked = value === undefined ? null : checkValue(value);
  if (!checked?.ok) {
    refuseUse(owner, before.trim(), "is followed by a value that is neither JSON nor a reference");
  }
  if (hasReservedKey(checked.value)) {
    refuseUse(owner, before.trim(), "is followed by an object with a key that expressions do not keep");
  }
  return celLiteral(checked.value);
}

/** Maps of CEL lose these keys in silence. */
function hasReservedKey(value: Json): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(
    ([key, member]: [string, Json]) => RESERVED_KEYS.has(key) || hasReservedKey(member),
  );
}

/** CEL writes values as JSON does, but for numbers: a minus would join with one before it, and whole ones have 64 bits. */
function celLiteral(value: Json): string {
  if (typeof value === "number") {
    const text = Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : `${value}`;
    return value < 0 ? `(${text})` : text;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => celLiteral(item)).join(", ")}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${celLiteral(member as Json)}`).join(", ")}}`;
}

export function makeText(owner: Root["owner"]): TextTag<string> {
  return (parts, ...values) => {
    const pieces = parts.flatMap((part, index): readonly Piece[] => {
      if (index === 0) return [{ literal: part }];
      const value = values[index - 1];
      return [...(sourceOf(value)?.pieces ?? [constant(owner, value)]), { literal: part }];
    });
    return made<Text>(owner, values, { type: "text", pieces });
  };
}

/** As an expression would be joined: null is nothing, lists and objects are JSON. */
function constant(owner: Root["owner"], value: unknown): Piece {
  if (typeof value === "string") return { literal: value };
  const checked = value === undefined ? null : checkValue(value);
  if (!checked?.ok) refuseUse(owner, "text`...`", "holds a value that is neither JSON nor a reference");
  return { literal: checked.value === null ? "" : JSON.stringify(checked.value) };
}

function made<T extends object>(
  owner: Root["owner"],
  values: readonly unknown[],
  own: Pick<Source, "type" | "pieces">,
): T {
  const sources = values.flatMap((value) => sourceOf(value) ?? []);
  const target = new Proxy(Object.freeze({}), {
    get: (_, member) => refuseUse(owner, templateOf(own), `is used as a value (${String(member)})`),
  });
  remember(target, {
    ...own,
    reads: sources.flatMap((source) => source.reads),
    owners: new Set(sources.flatMap((source) => [...source.owners])),
  });
  return target as T;
}

/** The string that stands in the document. */
export function templateOf({ type, pieces }: Pick<Source, "type" | "pieces">): string {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (!("literal" in piece)) joined.push(piece);
    else if (piece.literal === "") continue;
    else if (last !== undefined && "literal" in last)
      joined[joined.length - 1] = { literal: last.literal + piece.literal };
    else joined.push(piece);
  }
  const text = joined
    .map((piece, index) =>
      "literal" in piece ? escapeText(piece.literal, index < joined.length - 1) : `{{ ${piece.expression} }}`,
    )
    .join("");
  // One expression alone would keep its type; with an empty text beside it, it is joined.
  const isAlone = type === "text" && joined.length === 1 && "expression" in (joined[0] as Piece);
  return isAlone ? `{{ "" }}${text}` : text;
}

/** `beforeExpression`: a backslash or brace at the end would run into the `{{` that follows, so it stands in an expression of its own. */
export function escapeText(text: string, beforeExpression = false): string {
  const tail = beforeExpression ? (/[\\{]+$/.exec(text)?.[0] ?? "") : "";
  const head = text.slice(0, text.length - tail.length).replaceAll("{{", "\\{{");
  return tail === "" ? head : `${head}{{ ${JSON.stringify(tail)} }}`;
}
