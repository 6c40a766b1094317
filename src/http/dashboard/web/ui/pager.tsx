/** Going through a list page by page. The way back is the cursors that were used. */
import type { JSX } from "preact";
import { useRemembered } from "../remembered.ts";

export interface Pages {
  /** Of the page that is shown; `undefined`: the first. */
  readonly cursor: string | undefined;
  readonly number: number;
  next(cursor: string): void;
  back(): void;
  first(): void;
}

/** `list`: its name among those of the page. */
export function usePages(list: string): Pages {
  const [cursors, setCursors] = useRemembered<readonly string[]>(`pages of ${list}`, []);
  return {
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    next: (cursor) => setCursors([...cursors, cursor]),
    back: () => setCursors(cursors.slice(0, -1)),
    first: () => setCursors([]),
  };
}

/** Of a list by age, the newest first. */
const BY_AGE = ["← Newer", "Older →"] as const;
/** Of a list by name or by place. */
export const IN_ORDER = ["← Previous", "Next →"] as const;

interface PagerProps {
  pages: Pages;
  /** Of the next page; `null`: this is the last one. */
  cursor: string | null;
  words?: readonly [back: string, next: string];
}

export function Pager({ pages, cursor, words = BY_AGE }: PagerProps): JSX.Element | null {
  if (pages.number === 1 && cursor === null) return null;
  const [back, next] = words;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={pages.number === 1} onClick={() => pages.back()}>
        {back}
      </button>
      <span>Page {pages.number}</span>
      <button type="button" disabled={cursor === null} onClick={() => cursor !== null && pages.next(cursor)}>
        {next}
      </button>
    </nav>
  );
}
