/** A text as every store can keep and search it: PostgreSQL's texts hold neither NUL nor half of a character. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}
