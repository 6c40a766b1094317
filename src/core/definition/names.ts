/** What names may look like. Each rule says in words what its pattern says, for messages. */

export interface NameRule {
  readonly pattern: RegExp;
  readonly maxLength: number;
  readonly words: string;
}

/** Keys that JavaScript objects give a meaning to. */
export const RESERVED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

export const NODE_ID: NameRule = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
  maxLength: 64,
  words: "letters, digits and _, not beginning with a digit, at most 64 characters",
};

export const OUTCOME: NameRule = {
  pattern: /^[A-Za-z_][A-Za-z0-9_-]*$/,
  maxLength: 64,
  words: "letters, digits, _ and -, not beginning with a digit or -, at most 64 characters",
};

/** Workflows, actions, signals and events. */
export const NAME: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  maxLength: 128,
  words: "letters, digits, ., -, _ and /, beginning with a letter or digit, at most 128 characters",
};

/** What a node may name as its action: an inline action is called `<workflow>/<node>`, so it can be longer than a name. */
export const ACTION_NAME: NameRule = {
  pattern: NAME.pattern,
  maxLength: NAME.maxLength + 1 + NODE_ID.maxLength,
  words: "letters, digits, ., -, _ and /, beginning with a letter or digit, at most 193 characters",
};

export const LANE: NameRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
  maxLength: 32,
  words: "letters, digits, - and _, beginning with a letter or digit, at most 32 characters",
};

export const LABEL: NameRule = {
  pattern: NAME.pattern,
  maxLength: 64,
  words: "letters, digits, ., -, _ and /, beginning with a letter or digit, at most 64 characters",
};

export function fits(rule: NameRule, name: string): boolean {
  return name.length <= rule.maxLength && rule.pattern.test(name) && !RESERVED_KEYS.has(name);
}
