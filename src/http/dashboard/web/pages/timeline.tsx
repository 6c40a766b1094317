/** When each node ran and waited, as bars on one scale of time. */
import type { JSX } from "preact";
import type { EdgeDocument, WorkflowDocument } from "../../../../core/definition/document.ts";
import type { NodeRunDetail, RunDetail } from "../../../../core/ports/store.ts";
import { now } from "../clock.ts";
import { duration } from "../format.ts";
import { Empty } from "../ui/page.tsx";
import { toneOf } from "../ui/status.tsx";
import { shownStatus, waitsSince, waitText } from "./run-facts.ts";

interface Bar {
  readonly from: number;
  readonly to: number;
  readonly tone: string;
  readonly text: string;
}

interface Line {
  readonly node: string;
  readonly bars: readonly Bar[];
}

interface TimelineProps {
  run: RunDetail;
  document: Pick<WorkflowDocument, "edges"> | undefined;
  selected: string | null;
  onSelect: (node: string) => void;
}

const WIDTH = 1_000;
/** A bar that is too short to be seen is drawn so wide. */
const LEAST = 3;

export function Timeline({ run, document, selected, onSelect }: TimelineProps): JSX.Element {
  const lines = linesOf(run, document?.edges ?? [], now.value);
  if (lines.length === 0) return <Empty>Nothing has run yet.</Empty>;
  const begin = Math.min(...lines.flatMap(({ bars }) => bars.map(({ from }) => from)));
  const end = Math.max(...lines.flatMap(({ bars }) => bars.map(({ to }) => to)), begin + 1);
  const place = (at: number): number => ((at - begin) / (end - begin)) * WIDTH;
  return (
    <div class="timeline">
      <ol>
        {lines.map(({ node, bars }) => (
          <li key={node} class={node === selected ? "selected" : ""}>
            <button type="button" class="link" onClick={() => onSelect(node)} title={node}>
              {node}
            </button>
            <svg
              viewBox={`0 0 ${WIDTH} 16`}
              preserveAspectRatio="none"
              role="img"
              aria-label={spoken(node, bars)}
            >
              {bars.map(({ from, to, tone, text }, at) => (
                <rect
                  key={at}
                  class={`bar ${tone}`}
                  x={Math.min(place(from), WIDTH - LEAST)}
                  y="2"
                  width={Math.max(place(to) - place(from), LEAST)}
                  height="12"
                >
                  <title>{text}</title>
                </rect>
              ))}
            </svg>
          </li>
        ))}
      </ol>
      <p class="scale" aria-hidden="true">
        <span>0</span>
        <span>{duration((end - begin) / 2)}</span>
        <span>{duration(end - begin)}</span>
      </p>
    </div>
  );
}

function spoken(node: string, bars: readonly Bar[]): string {
  return `${node}: ${bars.map(({ text }) => text).join("; ")}`;
}

function linesOf(run: RunDetail, edges: readonly EdgeDocument[], at: number): readonly Line[] {
  const begin = ({ bars }: Line): number => bars[0]?.from ?? Infinity;
  const end = ({ bars }: Line): number => bars.at(-1)?.to ?? Infinity;
  return run.nodes
    .map((node) => ({ node: node.node, bars: barsOf(node, run, { edges, at }) }))
    .filter(({ bars }) => bars.length > 0)
    .sort((a, b) => begin(a) - begin(b) || end(a) - end(b));
}

interface Around {
  readonly edges: readonly EdgeDocument[];
  /** The time up to which what goes on is drawn. */
  readonly at: number;
}

function barsOf(node: NodeRunDetail, run: RunDetail, { edges, at }: Around): readonly Bar[] {
  const failed = run.attempts.flatMap((attempt): readonly Bar[] =>
    attempt.node !== node.node || attempt.item !== -1 || attempt.startedAt === null
      ? []
      : [
          {
            from: attempt.startedAt,
            to: attempt.finishedAt,
            tone: "bad",
            text: `attempt ${attempt.attempt} failed after ${duration(attempt.finishedAt - attempt.startedAt)}`,
          },
        ],
  );
  const last = lastBar(node, { run, edges, at, before: failed.at(-1) });
  return last ? [...failed, last] : failed;
}

interface Last extends Around {
  readonly run: RunDetail;
  /** Of its last failed attempt, which is the same one where it has given up. */
  readonly before: Bar | undefined;
}

function lastBar(node: NodeRunDetail, { run, edges, at, before }: Last): Bar | null {
  const { status, waitingFor, startedAt, finishedAt } = node;
  if (status === "waiting" && waitingFor !== "map") return waitBar(node, waitsSince(node, run, edges), at);
  // Nothing of it ran here: it waited for a time, a message or a run that it started.
  if (startedAt === null && finishedAt !== null && status !== "skipped")
    return waitedBar(node, waitsSince(node, run, edges), finishedAt);
  return ownBar(node, at, before);
}

function waitedBar({ status, outcome }: NodeRunDetail, from: number | null, to: number): Bar | null {
  if (from === null || from > to) return null;
  return { from, to, tone: "wait", text: `${outcome ?? status} after ${duration(to - from)}` };
}

function waitBar(node: NodeRunDetail, from: number | null, at: number): Bar | null {
  return from === null
    ? null
    : { from, to: Math.max(at, from), tone: "wait", text: `${waitText(node)} for ${duration(at - from)}` };
}

function ownBar(node: NodeRunDetail, at: number, before: Bar | undefined): Bar | null {
  const { startedAt, finishedAt, status } = node;
  if (startedAt === null || (before && before.from === startedAt)) return null;
  const to = finishedAt ?? at;
  return {
    from: startedAt,
    to,
    tone: toneOf(shownStatus(node)),
    text: `${status} after ${duration(to - startedAt)}`,
  };
}
