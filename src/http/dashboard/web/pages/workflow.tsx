/** One workflow: its picture, its versions, its newest runs, and the form that starts one. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { ListedWorkflow, Page as ListPage, WorkflowVersion } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { part, query, send } from "../api.ts";
import { count, duration, percent } from "../format.ts";
import { Graph } from "../graph/graph.tsx";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import type { WorkflowStats } from "../stats.ts";
import { Ask } from "../ui/dialog.tsx";
import { JsonView } from "../ui/json.tsx";
import { Empty, Page, Panel, Shown } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";
import { useNodeFacts, useWorkflowStats } from "./node-stats.ts";
import { RunTable } from "./run-table.tsx";
import { StartRun } from "./start-run.tsx";

const RARELY_MS = 15_000;
const NEWEST = 10;

export function WorkflowPage({ name }: { name: string }): JSX.Element {
  const [version, setVersion] = useState<number | undefined>(undefined);
  const versions = useLive<{ items: readonly WorkflowVersion[] }>(
    `/workflows/${part(name)}/versions`,
    RARELY_MS,
  );
  const listed = useLive<{ items: readonly ListedWorkflow[] }>("/workflows", RARELY_MS);
  const runs = useLive<ListPage<RunHeader>>(`/runs${query({ workflow: name, limit: NEWEST })}`);
  const enabled = listed.data?.items.find((each) => each.name === name)?.enabled;
  const all = versions.data?.items ?? [];
  const shown = all.find((each) => each.version === version) ?? all[0];
  const actions = (
    <>
      {/* Whichever version is looked at, what starts is the newest one. */}
      {all[0] && <StartRun workflow={name} document={all[0].document} />}
      {enabled !== undefined && <Enable name={name} enabled={enabled} onDone={() => listed.refresh()} />}
    </>
  );
  return (
    <Page
      title={name}
      note={enabled === undefined ? null : <Status value={enabled ? "enabled" : "disabled"} />}
      actions={actions}
    >
      <Shown of={versions}>
        {() => shown && <Definition workflow={shown} versions={all} onVersion={setVersion} />}
      </Shown>
      <Panel title="Newest runs">
        <Shown of={runs}>{({ items }) => <RunTable runs={items} label="Newest runs" />}</Shown>
      </Panel>
    </Page>
  );
}

interface DefinitionProps {
  workflow: WorkflowVersion;
  versions: readonly WorkflowVersion[];
  onVersion: (version: number) => void;
}

function Definition({ workflow, versions, onVersion }: DefinitionProps): JSX.Element {
  const { document, version, createdAt, checksum } = workflow;
  const [selected, setSelected] = useState<string | null>(null);
  const stats = useWorkflowStats(workflow.name);
  const facts = useNodeFacts(stats);
  // The list comes anew every few seconds; the picture is laid out anew only for another version.
  const drawn = useMemo(() => document, [checksum]);
  const node = selected === null ? undefined : document.nodes[selected];
  return (
    <>
      {stats && <LastDay {...stats.total} />}
      <div class="split">
        <Panel
          title="Picture"
          actions={<Versions version={version} versions={versions} onVersion={onVersion} />}
        >
          <Graph document={drawn} facts={facts} selected={selected} onSelect={setSelected} />
          <p class="muted">
            Version {version}, registered <Ago at={createdAt} />
          </p>
        </Panel>
        <Panel title={selected ?? "Definition"}>
          <JsonView value={node ?? document} label={selected ?? "Definition"} />
          {selected === null && <Empty>Choose a node to see it alone.</Empty>}
        </Panel>
      </div>
    </>
  );
}

/** How its runs went in the last 24 hours, over all versions. */
function LastDay({ runs, attempts }: WorkflowStats["total"]): JSX.Element {
  const facts = [
    ["Runs in 24 hours", count(runs.started)],
    ["Failed", runs.failureRate === null ? "–" : percent(runs.failureRate)],
    ["Takes", runs.duration.meanMs === null ? "–" : duration(runs.duration.meanMs)],
    ["95 % within", runs.duration.p95Ms === null ? "–" : duration(runs.duration.p95Ms)],
    ["In the queue", attempts.queuedMeanMs === null ? "–" : duration(attempts.queuedMeanMs)],
    ["Attempts again", count(attempts.retries)],
  ] as const;
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Versions({
  version,
  versions,
  onVersion,
}: Omit<DefinitionProps, "workflow"> & { version: number }): JSX.Element {
  return (
    <label class="inline">
      Version
      <select value={String(version)} onChange={(event) => onVersion(Number(event.currentTarget.value))}>
        {versions.map((each) => (
          <option key={each.version} value={String(each.version)}>
            {each.version}
          </option>
        ))}
      </select>
    </label>
  );
}

interface EnableProps {
  name: string;
  enabled: boolean;
  onDone: () => void;
}

function Enable({ name, enabled, onDone }: EnableProps): JSX.Element | null {
  const verb = enabled ? "disable" : "enable";
  const may = useMay(`workflows.${verb}`);
  if (!may) return null;
  return (
    <Ask
      label={enabled ? "Disable" : "Enable"}
      danger={enabled}
      question={
        enabled
          ? "None of its triggers starts a run any more; runs that are under way go on."
          : "Its triggers start runs again."
      }
      onYes={async () => {
        await send("POST", `/workflows/${part(name)}/${verb}`);
        return `${name} is ${verb}d.`;
      }}
      onDone={onDone}
    />
  );
}
