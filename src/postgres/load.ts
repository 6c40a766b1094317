/** `load`: many runs in one statement, each with what its request asks for and nothing else. */
import type { Json } from "../core/json.ts";
import type { MessageBody, StoredMessage } from "../core/ports/message.ts";
import type { NodeRef } from "../core/ports/store.ts";
import type { LoadRequest, StoredRun } from "../core/ports/stored-run.ts";
import { boolArray, int4Array, int8Array, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { whole } from "./blobs.ts";
import { isRunId } from "./names.ts";
import { fullPayload } from "./trigger-payload.ts";
import { mapOutput } from "./map-output.ts";
import { runBytes } from "./run-bytes.ts";
import type { Session, Statement } from "../postgres-connection/pool.ts";
import {
  HEADER_COLUMNS,
  NODE_ARRAY,
  nodeRecord,
  parseJson,
  parseOptional,
  runHeader,
  type HeaderRow,
  type NodeArray,
} from "./rows.ts";

interface LoadRow extends HeaderRow {
  readonly i: number;
  readonly bytes: number;
  readonly nodes: string | null;
  readonly messages: string | null;
  readonly outputs: string | null;
  readonly input: string | null;
  readonly output: string | null;
  readonly trigger_payload: string | null;
}

type MessageArray = readonly [id: string, receivedAt: number, kept: boolean, body: MessageBody];

export interface LoadStatements {
  readonly load: string;
  readonly inputs: string;
}

export function loadStatements(s: string): LoadStatements {
  return {
    // The sub-selects run once per run and walk its own rows by their keys.
    load: `select q.i, ${HEADER_COLUMNS}, ${runBytes(s)} as bytes,
  (select json_agg(${NODE_ARRAY}) from ${s}.node_runs n where n.run_id = r.id and n.item = -1 and n.seq > q.since) as nodes,
  case when r.inbox > 0 then (
    select json_agg(json_build_array(b.id, b.received_at, b.state = 'kept', b.body) order by b.arrival)
    from ${s}.run_inbox b where b.run_id = r.id and b.state <> 'used') end as messages,
  case when q.outputs is not null then (
    select json_agg(json_build_array(n.node, coalesce(${whole(s, "n.output", "n.run_id")}, ${mapOutput(s)})))
    from json_array_elements_text(q.outputs) w(node)
    join ${s}.node_runs n on n.run_id = r.id and n.node = w.node and n.item = -1
    where n.output is not null or exists (select from ${s}.maps m where m.run_id = r.id and m.node = w.node)) end as outputs,
  case when q.with_output then ${whole(s, "r.output", "r.id")} end as output,
  case when q.with_input then ${whole(s, "r.input", "r.id")} end as input,
  case when q.with_input then ${whole(s, "r.trigger_payload", "r.id")} end as trigger_payload
from unnest($1::int4[], $2::uuid[], $3::int8[], $4::bool[], $5::json[], $6::bool[])
  as q(i, id, since, with_input, outputs, with_output)
join ${s}.runs r on r.id = q.id`,
    inputs: `select q.i, ${whole(s, "n.input", "n.run_id")} as input
from unnest($1::int4[], $2::uuid[], $3::text[], $4::int4[]) as q(i, run_id, node, item)
join ${s}.node_runs n on n.run_id = q.run_id and n.node = q.node and n.item = q.item
where n.input is not null`,
  };
}

/** In the order of the requests; `null`: no such run. */
export async function loadRuns(
  session: Session,
  statements: LoadStatements,
  requests: readonly LoadRequest[],
): Promise<(StoredRun | null)[]> {
  const runs = new Array<StoredRun | null>(requests.length).fill(null);
  const statement = loadStatement(statements, requests);
  if (statement === null) return runs;
  for (const row of await session.query<LoadRow>(statement)) runs[row.i] = storedRun(row, requests[row.i]!);
  return runs;
}

function loadStatement(statements: LoadStatements, requests: readonly LoadRequest[]): Statement | null {
  const places: number[] = [];
  requests.forEach((request, index) => {
    if (isRunId(request.runId)) places.push(index);
  });
  if (places.length === 0) return null;
  const asked = places.map((place) => requests[place]!);
  return {
    name: "flowforge_load",
    text: statements.load,
    values: [
      int4Array(places),
      uuidArray(asked.map((request) => request.runId)),
      int8Array(asked.map((request) => request.since ?? 0)),
      boolArray(asked.map((request) => request.withInput === true)),
      jsonArray(asked.map(({ outputs }) => (outputs?.length ? JSON.stringify([...new Set(outputs)]) : null))),
      boolArray(asked.map((request) => request.withOutput === true)),
    ],
  };
}

function storedRun(row: LoadRow, request: LoadRequest): StoredRun {
  const nodes = (row.nodes === null ? [] : JSON.parse(row.nodes)) as readonly NodeArray[];
  const messages = (row.messages === null ? [] : JSON.parse(row.messages)) as readonly MessageArray[];
  const outputs = (row.outputs === null ? [] : JSON.parse(row.outputs)) as readonly (readonly [
    string,
    Json,
  ])[];
  const input = parseOptional(row.input);
  const output = parseOptional(row.output);
  return {
    header: runHeader(row),
    bytes: row.bytes,
    nodes: nodes.map(nodeRecord),
    inbox: messages.map(storedMessage),
    outputs: new Map(outputs),
    ...(output === undefined ? {} : { output }),
    ...(request.withInput && input !== undefined
      ? { input, triggerPayload: fullPayload(row.trigger_payload, input) }
      : {}),
  };
}

function storedMessage([id, receivedAt, kept, body]: MessageArray): StoredMessage {
  return { id, receivedAt, kept, body };
}

/** The rendered inputs of node runs, in the order of the references. */
export async function loadInputs(
  session: Session,
  statements: LoadStatements,
  refs: readonly NodeRef[],
): Promise<(Json | undefined)[]> {
  const inputs = new Array<Json | undefined>(refs.length).fill(undefined);
  const places: number[] = [];
  refs.forEach((ref, index) => {
    if (isRunId(ref.runId)) places.push(index);
  });
  if (places.length === 0) return inputs;
  const rows = await session.query<{ i: number; input: string }>({
    name: "flowforge_inputs",
    text: statements.inputs,
    values: [
      int4Array(places),
      uuidArray(places.map((place) => refs[place]!.runId)),
      textArray(places.map((place) => refs[place]!.node)),
      int4Array(places.map((place) => refs[place]!.item)),
    ],
  });
  for (const row of rows) inputs[row.i] = parseJson(row.input);
  return inputs;
}
