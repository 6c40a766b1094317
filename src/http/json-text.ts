/** What `JSON.parse` does not say of a text: how deep it goes, and whether an object has a key that is taken twice. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;

/** Before parsing: the text may be no JSON at all. */
export function isTooDeep(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    if (depth > maxDepth) return true;
  }
  return false;
}

/**
 * A key that an object of this JSON text has twice, or `__proto__`, which every object has once already. Parsers differ in which of the two they take, so what one system has checked is
 * not what another one does.
 */
export function refusedKey(text: string): string | undefined {
  const objects: (Set<string> | null)[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match;
    if (token === "{") objects.push(new Set(["__proto__"]));
    else if (token === "[") objects.push(null);
    else if (token === "}" || token === "]") objects.pop();
    else if (isKey(text, match.index + token.length)) {
      const key = String(JSON.parse(token));
      const keys = objects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** In JSON a string before a colon is a key. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (" \t\n\r".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}
