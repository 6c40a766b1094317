/** One run: its picture, its times, and everything about the node that was chosen. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { RunDetail, WorkflowVersion } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { part, query } from "../api.ts";
import { bytes } from "../format.ts";
import { Graph } from "../graph/graph.tsx";
import { EVERY_MS, useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { paceOf, useRunEvents } from "../run-events.ts";
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
  const [pace, setPace] = useState<number | null>(EVERY_MS);
  const run = useLive<RunDetail>(`/runs/${part(id)}`, pace);
  const header = run.data?.header;
  const told = useRunEvents(id, header?.status, run);
  useEffect(() => setPace(told), [told]);
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

function Detail({ run, onDone }: { run: RunDetail; onDone: () => void }): JSX.Element {
  const { header, nodes } = run;
  const { workflow, version } = header;
  const definition = useLive<WorkflowVersion>(`/workflows/${part(workflow)}${query({ version })}`, RARELY_MS);
  const [chosen, setChosen] = useRemembered<string | null>("node", null);
  const selected = chosen ?? latestNode(nodes);
  const choose = (): void => {
    if (chosen !== selected) setChosen(selected);
  };
  const facts = useMemo(() => factsOf(run), [run]);
  const children = useChildren(run);
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
        {/* Who does something in the panel has chosen its node: it stays, whatever begins or fails elsewhere. */}
        <div onFocusIn={choose} onClickCapture={choose}>
          <NodePanel
            key={selected}
            run={run}
            node={selected}
            document={document}
            started={children}
            onDone={onDone}
          />
        </div>
      </div>
      <div class="columns">
        <Panel title="Input">
          <JsonView value={run.input} label="Input of the run" />
        </Panel>
        <Panel title="Output">
          <JsonView value={run.output} label="Output of the run" />
        </Panel>
      </div>
      {children.length > 0 && (
        <Panel title="Runs that it started">
          <RunTable runs={children} label="Runs that it started" />
        </Panel>
      )}
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
      <Fact name="Stored">{run.bytes === 0 ? "little" : bytes(run.bytes)}</Fact>
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

const NO_RUNS: readonly RunHeader[] = [];

/** The newest runs that it has started, asked for again whenever something has happened in it. */
function useChildren(run: RunDetail): readonly RunHeader[] {
  const { id, status } = run.header;
  const [some, setSome] = useState(false);
  const path = `/runs${query({ parent: id, limit: 20 })}`;
  const { data, refresh } = useLive<{ items: readonly RunHeader[] }>(path, some ? paceOf(status) : null);
  const seen = useRef(run);
  useEffect(() => {
    if (seen.current !== run) refresh();
    seen.current = run;
  }, [run, refresh]);
  const items = data?.items ?? NO_RUNS;
  useEffect(() => setSome(items.length > 0), [items.length > 0]);
  return items;
}
