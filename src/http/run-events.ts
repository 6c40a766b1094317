/**
 * What happens in a run as server-sent events. An event's id is where the run was when everything up to it had been told, so a client
 * that comes back with it hears what changed since.
 */
import type { RunHandle, RunLook } from "../index.ts";
import { SAFE_HEADERS } from "./problem.ts";
import type { Caller } from "./route.ts";
import { noRun } from "./run-filter.ts";

const RESTING: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

/** 204 tells a browser that has heard the end not to come back. */
export async function runEvents({ engine, workspace, request, param, stream }: Caller): Promise<Response> {
  const id = param("id");
  const run = await engine.runs.get(id, { workspace });
  if (!run) throw noRun(id);
  const last = /^(\d{1,15})(\.end)?$/.exec(request.headers.get("last-event-id") ?? "");
  if (last?.[2] && RESTING.has(run.header.status))
    return new Response(null, { status: 204, headers: SAFE_HEADERS });
  const after = last ? Number(last[1]) : undefined;
  const handle = engine.runs.handle(id, { workspace });
  return stream({ texts: (signal) => texts(handle, signal, after) });
}

async function* texts(
  run: RunHandle,
  signal: AbortSignal,
  after: number | undefined,
): AsyncGenerator<string> {
  for await (const look of run.looks({ signal, ...(after === undefined ? {} : { after }) }))
    yield written(look);
}

function written({ seq, moves }: RunLook): string {
  return moves
    .map((move, at) => {
      const isEnd = move.type === "run" && RESTING.has(move.status);
      const id = at === moves.length - 1 ? `id: ${seq}${isEnd ? ".end" : ""}\n` : "";
      return `${id}event: ${move.type}\ndata: ${JSON.stringify(move)}\n\n`;
    })
    .join("");
}
