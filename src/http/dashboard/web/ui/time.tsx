/** Times as people say them, with the exact one on the pointer. */
import type { JSX } from "preact";
import { now } from "../clock.ts";
import { ago, duration, moment } from "../format.ts";

export function Ago({ at }: { at: number | null | undefined }): JSX.Element {
  if (at === null || at === undefined) return <span class="muted">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {ago(at, now.value)}
    </time>
  );
}

/** From `from` to `to`, or until now. */
export function Span({
  from,
  to,
}: {
  from: number | null | undefined;
  to: number | null | undefined;
}): JSX.Element {
  if (from === null || from === undefined) return <span class="muted">–</span>;
  return <span class="number">{duration((to ?? now.value) - from)}</span>;
}
