/** Going through a list page by page. The way back is the cursors that were used. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";

export interface Pages {
  /** Of the page that is shown; `undefined`: the first. */
  readonly cursor: string | undefined;
  readonly number: number;
  next(cursor: string): void;
  back(): void;
  first(): void;
}

export function usePages(): Pages {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  return {
    cursor: cursors.at(-1),
    number: cursors.length + 1,
    next: (cursor) => setCursors([...cursors, cursor]),
    back: () => setCursors(cursors.slice(0, -1)),
    first: () => setCursors([]),
  };
}

export function Pager({ pages, cursor }: { pages: Pages; cursor: string | null }): JSX.Element | null {
  if (pages.number === 1 && cursor === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={pages.number === 1} onClick={() => pages.back()}>
        ← Newer
      </button>
      <span>Page {pages.number}</span>
      <button type="button" disabled={cursor === null} onClick={() => cursor !== null && pages.next(cursor)}>
        Older →
      </button>
    </nav>
  );
}
