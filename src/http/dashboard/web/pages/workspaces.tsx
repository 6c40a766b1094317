/** The tenants, for who looks after all of them. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { dashboardOf, query } from "../api.ts";
import { useLive } from "../live.ts";
import { useSession } from "../session.ts";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";

import { placeOf } from "./workspace.tsx";

const PAGE = 100;
const RARELY_MS = 30_000;
const CHOICES = 1_000;

export function Workspaces(): JSX.Element {
  const { workspace } = useSession();
  const pages = usePages("workspaces");
  const names = useLive<ListPage<string>>(`/workspaces${query({ cursor: pages.cursor, limit: PAGE })}`);
  return (
    <Page title="Workspaces">
      <Shown of={names}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>No workspace has anything yet.</Empty>
          ) : (
            <>
              <Table label="Workspaces" head={["Name", "Limits and data"]}>
                {items.map((name) => (
                  <tr key={name} class={name === workspace ? "chosen" : ""}>
                    <td>
                      <a href={dashboardOf(name)}>{name}</a>
                    </td>
                    <td>
                      <Link href={placeOf(name)} aria-label={`Limits and data of ${name}`}>
                        Limits and data
                      </Link>
                    </td>
                  </tr>
                ))}
              </Table>
              <Pager pages={pages} cursor={cursor} words={IN_ORDER} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}

/** Leads to the same dashboard for another workspace. */
export function WorkspaceChoice({ workspace }: { workspace: string }): JSX.Element {
  const { data } = useLive<ListPage<string>>(`/workspaces${query({ limit: CHOICES })}`, RARELY_MS);
  const names = new Set([workspace, ...(data?.items ?? [])]);
  const [chosen, setChosen] = useState(workspace);
  // The arrow keys choose each name on the way to the one that is meant, and must not lead away with the first of them.
  const byKey = useRef(false);
  const choose = (name: string): void => {
    if (byKey.current) setChosen(name);
    else location.assign(dashboardOf(name));
  };
  const leave = (event: FocusEvent & { readonly currentTarget: HTMLElement }): void => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setChosen(workspace);
  };
  return (
    <div class="choice" onFocusOut={leave}>
      <label>
        <span>Workspace</span>
        <select
          value={chosen}
          onPointerDown={() => (byKey.current = false)}
          onKeyDown={() => (byKey.current = true)}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {[...names].toSorted().map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {chosen !== workspace && (
        <a class="button small" href={dashboardOf(chosen)}>
          Go there
        </a>
      )}
    </div>
  );
}
