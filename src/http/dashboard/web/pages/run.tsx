/** One run: its picture, its times, and everything about the node that was chosen. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { RunDetail, WorkflowVersion } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { base, part, query } from "../api.ts";
import { bytes } from "../format.ts";
import { Graph } from "../graph/graph.tsx";
import { type Live, useLive } from "../live.ts";
import { JsonView } from "../ui/json.tsx";
import { Page, Panel, Shown } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago, Span } from "../ui/time.tsx";
import { NodePanel } from "./node-panel.tsx";
import { RunActions } from "./run-actions.tsx";
import { factsOf, latestNode } from "./run-facts.ts";
import { Labels, RunTable } from "./run-table.tsx";
import { Timeline } from "./timeline.tsx";

const RARELY_MS = 60_000;

export function RunPage({ id }: { id: string }): JSX.Element {
  const run = useLive<RunDetail>(`/runs/${part(id)}`);
  useEvents(id, run);
  const header = run.data?.header;
  return (
    <Page
      title={header ? header.workflow : "Run"}
      note={header && <Status value={header.status} />}
      actions={run.data && <RunActions run={run.data} onDone={() => run.refresh()} />}
    >
      <Shown of={run}>{(detail) => <Detail run={detail} onDone={() => run.refresh()} />}</Shown>
    </Page>
  );
}

/** The run says itself when something happened in it, so the page need not wait for its next look. */
function useEvents(id: string, { refresh }: Pick<Live<unknown>, "refresh">): void {
  useEffect(() => {
    const source = new EventSource(`${base}/runs/${part(id)}/events`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = (): void => {
      // A burst of events is one look.
      timer ??= setTimeout(() => {
        timer = undefined;
        refresh();
      }, 150);
    };
    source.addEventListener("node", soon);
    source.addEventListener("run", soon);
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [id, refresh]);
}

function Detail({ run, onDone }: { run: RunDetail; onDone: () => void }): JSX.Element {
  const { header, nodes } = run;
  const { workflow, version } = header;
  const definition = useLive<WorkflowVersion>(`/workflows/${part(workflow)}${query({ version })}`, RARELY_MS);
  const [chosen, setChosen] = useState<string | null>(null);
  const selected = chosen ?? latestNode(nodes);
  const facts = useMemo(() => factsOf(run), [run]);
  const checksum = definition.data?.checksum;
  const document = useMemo(() => definition.data?.document, [checksum]);
  return (
    <>
      <Facts run={run} />
      <div class="split">
        <div>
          <Panel title="Picture">
            <Shown of={definition}>
              {() =>
                document && (
                  <Graph document={document} facts={facts} selected={selected} onSelect={setChosen} />
                )
              }
            </Shown>
          </Panel>
          <Panel title="Timeline">
            <Timeline run={run} document={document} selected={selected} onSelect={setChosen} />
          </Panel>
        </div>
        <NodePanel key={selected} run={run} node={selected} document={document} onDone={onDone} />
      </div>
      <div class="columns">
        <Panel title="Input">
          <JsonView value={run.input} label="Input of the run" />
        </Panel>
        <Panel title="Output">
          <JsonView value={run.output} label="Output of the run" />
        </Panel>
      </div>
      <Children id={header.id} />
    </>
  );
}

function Facts({ run }: { run: RunDetail }): JSX.Element {
  const { header } = run;
  return (
    <dl class="facts">
      <Fact name="Run">
        <code>{header.id}</code>
      </Fact>
      <Fact name="Workflow">
        <Link href={`/workflows/${encodeURIComponent(header.workflow)}`}>
          {header.workflow} v{header.version}
        </Link>
      </Fact>
      <Fact name="Created">
        <Ago at={header.createdAt} />
      </Fact>
      <Fact name="Took">
        <Span from={header.startedAt} to={header.finishedAt} />
      </Fact>
      <Fact name="Started by">{header.trigger}</Fact>
      <Fact name="Stored">{bytes(run.bytes)}</Fact>
      <Relatives header={header} />
      {Object.keys(header.labels).length > 0 && (
        <Fact name="Labels">
          <Labels labels={header.labels} />
        </Fact>
      )}
    </dl>
  );
}

function Relatives({ header: { parent, rerunOf } }: { header: RunHeader }): JSX.Element {
  return (
    <>
      {parent && (
        <Fact name="Started by a run">
          <Link href={`/runs/${parent.runId}`}>
            {parent.node}
            {parent.item === undefined ? "" : ` [${parent.item}]`}
          </Link>
        </Fact>
      )}
      {rerunOf && (
        <Fact name="Repeats">
          <Link href={`/runs/${rerunOf}`}>another run</Link>
        </Fact>
      )}
    </>
  );
}

function Fact({
  name,
  children,
}: {
  name: string;
  children: JSX.Element | string | (string | number)[];
}): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Children({ id }: { id: string }): JSX.Element | null {
  const children = useLive<{ items: readonly RunHeader[] }>(`/runs${query({ parent: id, limit: 20 })}`);
  if (!children.data || children.data.items.length === 0) return null;
  return (
    <Panel title="Runs that it started">
      <RunTable runs={children.data.items} label="Runs that it started" />
    </Panel>
  );
}
