/** As much of SQL's grammar as it takes to see what kind of statement a text begins with. */

/** In small letters; empty where the text begins with no word. What PostgreSQL passes over is passed over: space, comments, `;`. */
export function leadingWord(text: string): string {
  let at = 0;
  for (;;) {
    const next = afterComment(text, at);
    if (next !== at) at = next;
    else if (/[\s;]/.test(text.charAt(at))) at++;
    else return /^[a-z]*/.exec(text.slice(at, at + 20).toLowerCase())![0];
  }
}

function afterComment(text: string, at: number): number {
  if (text.startsWith("--", at)) {
    const end = text.slice(at).search(/[\r\n]/);
    return end === -1 ? text.length : at + end;
  }
  return text.startsWith("/*", at) ? afterBlock(text, at) : at;
}

/** Comments in comments are comments, as the standard has it. */
function afterBlock(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 2) {
    const pair = text.slice(at, at + 2);
    if (pair === "/*") depth++;
    else if (pair === "*/") depth--;
    else at--;
    if (depth === 0) return at + 2;
  }
  return text.length;
}
