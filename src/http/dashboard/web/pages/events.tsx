/** What happens in the workspace as it happens, and events that were published, with what became of each. */
import type { JSX } from "preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { WorkspaceEvent } from "../../../../engine/events.ts";
import { query } from "../api.ts";
import { count } from "../format.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useMay } from "../session.ts";
import { useSettled } from "../settled.ts";
import { Empty, Page, Panel, Shown, Table } from "../ui/page.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";
import { Feed } from "./feed.tsx";
import { Publish } from "./publish.tsx";

const PAGE = 50;
const HEAD = ["Published", "Name", "State", "Woke", "Started", "Refused"];

export function Events(): JSX.Element {
  const [name, setName] = useRemembered("name", "");
  const [refused, setRefused] = useRemembered("refused", false);
  const pages = usePages("events");
  const sought = useSettled(name.trim());
  const parts = { name: sought, refused: refused ? "true" : undefined, cursor: pages.cursor, limit: PAGE };
  const events = useLive<ListPage<WorkspaceEvent>>(`/events${query(parts)}`);
  const follows = useMay("feed.follow");
  const filter = (
    <form class="inline" role="search" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Name of an event"
        placeholder="Its whole name"
        value={name}
        onInput={(event) => {
          setName(event.currentTarget.value);
          pages.first();
        }}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={refused}
          onChange={(event) => {
            setRefused(event.currentTarget.checked);
            pages.first();
          }}
        />
        only with refusals
      </label>
    </form>
  );
  return (
    <Page title="Events" actions={<Publish onDone={() => events.refresh()} />}>
      {follows && <Feed />}
      <Panel title="Published" actions={filter}>
        <Shown of={events}>
          {({ items, cursor }) =>
            items.length === 0 ? (
              <Empty>Nothing like that was published. Events without an id are kept for an hour.</Empty>
            ) : (
              <>
                <Table label="Published events" head={HEAD}>
                  {items.map((event) => (
                    <Row key={event.id} event={event} />
                  ))}
                </Table>
                <Pager pages={pages} cursor={cursor} />
              </>
            )
          }
        </Shown>
      </Panel>
    </Page>
  );
}

function Row({ event }: { event: WorkspaceEvent }): JSX.Element {
  const { id, name, publishedAt, done, runs, started, full, refused, refusals, chain } = event;
  return (
    <tr>
      <td>
        <Ago at={publishedAt} />
      </td>
      <td class="wide">
        {name}
        <div class="id muted">{id}</div>
        {chain.length > 0 && <div class="muted">came of {chain.join(", ")}</div>}
      </td>
      <td>
        <Status value={done ? "completed" : "running"} />
      </td>
      <td class="number">
        {count(runs)}
        {full > 0 && <div class="warn">{count(full)} had no room</div>}
      </td>
      <td class="number">{count(started)}</td>
      <td class={refused > 0 ? "wide" : "number"}>
        {count(refused)}
        {refusals.map((refusal, at) => (
          <div key={at} class="trouble">
            {refusal.workflow}, {refusal.trigger}: <code>{refusal.code}</code> {refusal.message}
          </div>
        ))}
      </td>
    </tr>
  );
}
