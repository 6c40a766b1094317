/** One workspace: what it may use, who has changed that, what it has, a copy of all of it, and the end of it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { WorkspaceCounts } from "../../../../core/ports/workspaces.ts";
import { addressOf, ApiError, dashboardOf, part, query, send } from "../api.ts";
import { count, counted, words } from "../format.ts";
import { useLive } from "../live.ts";
import { useMay, useSession } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Panel, Shown } from "../ui/page.tsx";
import { type AuditEntry, AuditTable } from "./audit.tsx";
import { Limits, type LimitsOf } from "./limits.tsx";

const CHANGES = 10;

/** Of the workspace that the dashboard shows. */
export function OwnWorkspace(): JSX.Element {
  return <WorkspacePage name={useSession().workspace} />;
}

/** Where a workspace is shown. Encoded twice, because the router takes half of the first one away. */
export function placeOf(name: string): string {
  return `/workspaces/${part(part(name))}`;
}

/** Of the workspace that an address names. */
export function NamedWorkspace({ address }: { address: string }): JSX.Element {
  return <WorkspacePage name={nameOf(address)} />;
}

/** What somebody has typed into the address is taken as it is where it is encoded in no way. */
function nameOf(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

function WorkspacePage({ name }: { name: string }): JSX.Element {
  const { workspace } = useSession();
  const path = `/workspaces/${part(name)}`;
  const limits = useLive<LimitsOf>(`${path}/limits`);
  const [changes, setChanges] = useState(0);
  const done = (): void => {
    limits.refresh();
    setChanges(changes + 1);
  };
  return (
    <Page
      title={`Workspace ${name}`}
      actions={name === workspace ? undefined : <a href={dashboardOf(name)}>Its dashboard</a>}
    >
      <Shown of={limits}>{(of) => <Limits of={of} onDone={done} />}</Shown>
      {useMay("audit.list") && <Changes key={changes} name={name} />}
      <Contents path={path} name={name} />
    </Page>
  );
}

/** In the log of the workspace itself, wherever who changed it was. */
function Changes({ name }: { name: string }): JSX.Element {
  const of = { action: "workspaces.setLimits", subject: name, workspace: name, limit: CHANGES };
  const entries = useLive<ListPage<AuditEntry>>(`/audit${query(of)}`);
  return (
    <Panel title="Who set limits">
      <Shown of={entries}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>Nobody has set any for this workspace over the API.</Empty>
          ) : (
            <AuditTable label="Who set limits" items={items} />
          )
        }
      </Shown>
    </Panel>
  );
}

interface ContentsProps {
  path: string;
  name: string;
}

function Contents({ path, name }: ContentsProps): JSX.Element {
  const may = { count: useMay("workspaces.get"), export: useMay("workspaces.export") };
  const [counting, setCounting] = useState(false);
  return (
    <Panel
      title="What it has"
      actions={
        <span class="actions">
          {may.count && !counting && (
            <button type="button" onClick={() => setCounting(true)}>
              Count
            </button>
          )}
          {may.export && (
            <a class="button" href={addressOf(`${path}/export`)} download={`${name}.jsonl`}>
              Export
            </a>
          )}
          <Delete path={path} name={name} />
        </span>
      }
    >
      {counting ? (
        <Counts path={path} />
      ) : (
        <p class="muted">
          Every row is counted, so it is done when you ask for it. An export is lines of JSON.
        </p>
      )}
    </Panel>
  );
}

type Summary = WorkspaceCounts & { readonly workspace: string };

function Counts({ path }: Pick<ContentsProps, "path">): JSX.Element {
  const summary = useLive<Summary>(path, null);
  if (summary.error instanceof ApiError && summary.error.code === "workspace_not_found")
    return <Empty>Nothing is stored in it.</Empty>;
  return (
    <Shown of={summary}>
      {({ workspace: _workspace, ...counts }) => (
        <dl class="facts">
          {Object.entries(counts).map(([kind, amount]) => (
            <div key={kind}>
              <dt>{words(kind)}</dt>
              <dd class="number">{count(amount)}</dd>
            </div>
          ))}
        </dl>
      )}
    </Shown>
  );
}

function Delete({ path, name }: ContentsProps): JSX.Element | null {
  const [typed, setTyped] = useState("");
  const [, go] = useLocation();
  if (!useMay("workspaces.delete")) return null;
  const remove = async (): Promise<string> => {
    const { runs, versions } = await send<Summary>("DELETE", path);
    return `${name} is deleted, with ${counted(runs, "run")} and ${counted(versions, "version")} of workflows.`;
  };
  return (
    <Ask
      label="Delete all of it"
      danger
      ready={typed === name}
      question={
        <>
          <p>
            Runs are cancelled, and then everything of <strong>{name}</strong> goes: workflows, runs,
            schedules, credentials with the keys that sealed them, its audit log. Nothing brings it back.
          </p>
          <p>It takes ten seconds where something runs, and longer where there is much.</p>
        </>
      }
      onYes={remove}
      onDone={() => go("/workspaces")}
    >
      <label>
        Type the name of the workspace
        <input
          required
          autoComplete="off"
          spellcheck={false}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}
