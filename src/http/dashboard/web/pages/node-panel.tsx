/** Everything about one node of a run, with what can be done about it. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { WorkflowDocument } from "../../../../core/definition/document.ts";
import type { NodeRunDetail, RunDetail } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import type { ErrorRecord } from "../../../../core/run/event.ts";
import { duration } from "../format.ts";
import { JsonView } from "../ui/json.tsx";
import { Empty, Panel } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago, Span } from "../ui/time.tsx";
import { NodeActions } from "./node-actions.tsx";
import { NodeItems } from "./node-items.tsx";
import { NodeLogs } from "./node-logs.tsx";
import { shownStatus, waitText } from "./run-facts.ts";

interface NodePanelProps {
  run: RunDetail;
  node: string | null;
  document: WorkflowDocument | undefined;
  /** Runs that this one has started. */
  started: readonly RunHeader[];
  onDone: () => void;
}

export function NodePanel({ run, node, document, started, onDone }: NodePanelProps): JSX.Element {
  const found = run.nodes.find((each) => each.node === node);
  if (node === null) {
    return (
      <Panel title="Node" class="node-panel">
        <Empty>Choose a node in the picture to see what it was given and what came of it.</Empty>
      </Panel>
    );
  }
  const definition = document?.nodes[node];
  return (
    <Panel title={node} class="node-panel">
      {found ? (
        <>
          <Summary node={found} />
          <ChildRuns runs={started.filter(({ parent }) => parent?.node === node)} />
          <NodeActions run={run} node={found} definition={definition} onDone={onDone} />
          {found.error && <Failure error={found.error} />}
          {definition?.kind === "action" && definition.forEach !== undefined && (
            <NodeItems run={run.header} node={node} />
          )}
          <h3>Input</h3>
          <JsonView value={found.input} label={`Input of ${node}`} />
          <h3>Output</h3>
          <JsonView value={found.output} label={`Output of ${node}`} />
          <Attempts run={run} node={node} />
          <NodeLogs run={run.header} node={node} />
        </>
      ) : (
        <Empty>It has not begun.</Empty>
      )}
      {definition && (
        <details>
          <summary>Definition</summary>
          <JsonView value={definition} label={`Definition of ${node}`} />
        </details>
      )}
    </Panel>
  );
}

function ChildRuns({ runs }: { runs: readonly RunHeader[] }): JSX.Element | null {
  if (runs.length === 0) return null;
  return (
    <ul class="labels" aria-label="Runs that this node started">
      {runs.map(({ id, workflow, status, parent }) => (
        <li key={id}>
          <Link href={`/runs/${id}`}>
            {workflow}
            {parent?.item === undefined ? "" : ` [${parent.item}]`}
          </Link>{" "}
          <Status value={status} />
        </li>
      ))}
    </ul>
  );
}

function Summary({ node }: { node: NodeRunDetail }): JSX.Element {
  const wait = waitText(node);
  return (
    <p class="summary">
      <Status value={shownStatus(node)} />
      {node.outcome && node.outcome !== node.status && <span>outcome {node.outcome}</span>}
      {node.startedAt !== null && (
        <span>
          took <Span from={node.startedAt} to={node.finishedAt} />
        </span>
      )}
      {node.attempt > 1 && <span>attempt {node.attempt}</span>}
      {wait && <span>{wait}</span>}
      {node.dueAt !== null && (
        <span>
          due <Ago at={node.dueAt} />
        </span>
      )}
      {node.possiblyDuplicated && <span class="warn">may have taken effect more than once</span>}
    </p>
  );
}

export function Failure({ error }: { error: ErrorRecord }): JSX.Element {
  const { class: kind, message, stack, ...more } = error;
  return (
    <div class="failure">
      <h3>
        Error <code>{kind}</code>
      </h3>
      <p class="message">{message}</p>
      {typeof stack === "string" && (
        <details>
          <summary>Stack</summary>
          <pre>{stack}</pre>
        </details>
      )}
      {Object.keys(more).length > 0 && (
        <details>
          <summary>Details</summary>
          <JsonView value={more} label="Details of the error" />
        </details>
      )}
    </div>
  );
}

function Attempts({ run, node }: { run: RunDetail; node: string }): JSX.Element | null {
  const attempts = run.attempts.filter((attempt) => attempt.node === node && attempt.item === -1);
  if (attempts.length === 0) return null;
  return (
    <>
      <h3>Failed attempts</h3>
      <ol class="attempts">
        {attempts.map((attempt, at) => (
          <li key={at} value={attempt.attempt}>
            <Ago at={attempt.finishedAt} />
            {attempt.startedAt !== null && ` after ${duration(attempt.finishedAt - attempt.startedAt)}`}:{" "}
            <code>{attempt.error.class}</code> {attempt.error.message}
          </li>
        ))}
      </ol>
    </>
  );
}
