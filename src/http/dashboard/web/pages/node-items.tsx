/** The items of a map, page by page, however many there are. */
import type { JSX } from "preact";
import type { NodeRecord, RunHeader } from "../../../../core/ports/stored-run.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { part, query } from "../api.ts";
import { count } from "../format.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { paceOf } from "../run-events.ts";
import { Shown, Table } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Span } from "../ui/time.tsx";

type Item = Pick<NodeRecord, "item" | "status" | "attempt" | "error" | "startedAt" | "finishedAt">;

const STATUSES = ["", "failed", "running", "waiting", "succeeded", "cancelled"];
const PAGE = 15;

interface Items extends ListPage<Item> {
  readonly progress: {
    readonly total: number;
    readonly running: number;
    readonly done: number;
    readonly failed: number;
    readonly open: number;
  };
}

export function NodeItems({ run, node }: { run: RunHeader; node: string }): JSX.Element {
  const [status, setStatus] = useRemembered(`status of items of ${node}`, "");
  const pages = usePages(`items of ${node}`);
  const path = `/runs/${part(run.id)}/nodes/${part(node)}/items`;
  const items = useLive<Items>(
    path + query({ status: status === "" ? undefined : [status], cursor: pages.cursor, limit: PAGE }),
    paceOf(run.status),
  );
  return (
    <>
      <h3>Items</h3>
      <label class="inline">
        Status
        <select
          value={status}
          onChange={(event) => {
            setStatus(event.currentTarget.value);
            pages.first();
          }}
        >
          {STATUSES.map((each) => (
            <option key={each} value={each}>
              {each === "" ? "all" : each}
            </option>
          ))}
        </select>
      </label>
      <Shown of={items}>
        {(list) => (
          <>
            <Progress progress={list.progress} />
            <Table label="Items" head={["Item", "Status", "Attempts", "Took", "Error"]}>
              {list.items.map((item) => (
                <tr key={item.item}>
                  <td class="number">{item.item}</td>
                  <td>
                    <Status value={item.status} />
                  </td>
                  <td class="number">{item.attempt}</td>
                  <td>
                    <Span from={item.startedAt} to={item.finishedAt} />
                  </td>
                  <td>{item.error?.message ?? ""}</td>
                </tr>
              ))}
            </Table>
            <Pager pages={pages} cursor={list.cursor} words={IN_ORDER} />
          </>
        )}
      </Shown>
    </>
  );
}

/** How many of the items are where, as a bar and in words. */
function Progress({ progress }: Pick<Items, "progress">): JSX.Element {
  const { total, done, failed, open, running } = progress;
  const parts = [
    ["good", done, "succeeded"],
    ["bad", failed + open, "failed"],
    ["busy", running, "running"],
  ] as const;
  const text = parts.filter(([, many]) => many > 0).map(([, many, name]) => `${count(many)} ${name}`);
  let from = 0;
  return (
    <div class="progress">
      <svg viewBox={`0 0 ${Math.max(total, 1)} 1`} preserveAspectRatio="none" aria-hidden="true">
        {parts.map(([tone, many]) => {
          const x = from;
          from += many;
          return <rect key={tone} class={`bar ${tone}`} x={x} y="0" width={many} height="1" />;
        })}
      </svg>
      <p class="muted">
        {count(total)} items: {text.join(", ")}
      </p>
    </div>
  );
}
