/** What happens in the workspace, as it happens: the newest on top, as long as the page is open. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { FeedEvent, FeedEventType } from "../../../../core/ports/feed.ts";
import { addressOf } from "../api.ts";
import { shortId } from "../format.ts";
import { Empty, Panel, Table } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

const SAID: Readonly<Record<FeedEventType, readonly [what: string, status: string]>> = {
  "run.started": ["Run", "running"],
  "run.succeeded": ["Run", "succeeded"],
  "run.failed": ["Run", "failed"],
  "run.cancelled": ["Run", "cancelled"],
  "run.reopened": ["Run", "goes on"],
  "dead_letter.opened": ["Dead letter", "open"],
  "dead_letter.resolved": ["Dead letter", "resolved"],
};
const SHOWN = 30;

type Ear = "begins" | "hears" | "deaf" | "closed";

const EAR: Readonly<Record<Ear, string>> = {
  begins: "connecting …",
  hears: "as it happens",
  deaf: "not connected; the browser tries again",
  closed: "the server has ended this; load the page anew",
};

export function Feed(): JSX.Element {
  const { events, ear } = useFeed();
  return (
    <Panel title="Now" actions={<span class="muted">{EAR[ear]}</span>}>
      {events.length === 0 ? (
        <Empty>Nothing has happened since this page was opened.</Empty>
      ) : (
        <div class="short">
          <Table label="What happens now" head={["When", "What", "Workflow", "Run"]}>
            {events.map((event) => (
              <Row key={event.id} event={event} />
            ))}
          </Table>
        </div>
      )}
    </Panel>
  );
}

function Row({ event: { type, at, workflow, runId, node } }: { event: FeedEvent }): JSX.Element {
  const [what, status] = SAID[type];
  return (
    <tr>
      <td>
        <Ago at={at} />
      </td>
      <td>
        {what} <Status value={status} />
        {node !== null && <div class="muted">{node}</div>}
      </td>
      <td>
        <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>
      </td>
      <td>
        <Link href={`/runs/${runId}`} class="id" title={runId}>
          {shortId(runId)}
        </Link>
      </td>
    </tr>
  );
}

function useFeed(): { readonly events: readonly FeedEvent[]; readonly ear: Ear } {
  const [events, setEvents] = useState<readonly FeedEvent[]>([]);
  const [ear, setEar] = useState<Ear>("begins");
  useEffect(() => {
    const source = new EventSource(addressOf("/feed"));
    const hear = ({ data }: MessageEvent<string>): void => {
      const event = JSON.parse(data) as FeedEvent;
      // After an interruption one may come again.
      setEvents((before) => [event, ...before.filter(({ id }) => id !== event.id)].slice(0, SHOWN));
    };
    for (const type of Object.keys(SAID)) source.addEventListener(type, hear);
    source.addEventListener("open", () => setEar("hears"));
    // A browser does not come back to where it was refused.
    source.addEventListener("error", () =>
      setEar(source.readyState === EventSource.CLOSED ? "closed" : "deaf"),
    );
    source.addEventListener("closed", () => {
      setEar("closed");
      source.close();
    });
    return () => source.close();
  }, []);
  return { events, ear };
}
