/**
 * What happens in a run as server-sent events. An event's id is where the run was when everything up to it had been told, so a client
 * that comes back with it hears what changed since.
 */
import type { RunHandle, RunLook } from "../index.ts";
import { SAFE_HEADERS } from "./problem.ts";
import type { Caller } from "./route.ts";
import { noRun } from "./run-filter.ts";

const PING_MS = 15_000;
const RESTING: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

/** 204 tells a browser that has heard the end not to come back. */
export async function runEvents({ engine, workspace, request, param }: Caller): Promise<Response> {
  const id = param("id");
  const run = await engine.runs.get(id, { workspace });
  if (!run) throw noRun(id);
  const last = /^(\d{1,15})(\.end)?$/.exec(request.headers.get("last-event-id") ?? "");
  if (last?.[2] && RESTING.has(run.header.status))
    return new Response(null, { status: 204, headers: SAFE_HEADERS });
  const after = last ? Number(last[1]) : undefined;
  return new Response(stream(engine.runs.handle(id, { workspace }), request.signal, after), {
    headers: { ...SAFE_HEADERS, "content-type": "text/event-stream", "x-accel-buffering": "no" },
  });
}

function stream(run: RunHandle, signal: AbortSignal, after: number | undefined): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const encoder = new TextEncoder();
  const looks = run.looks({
    signal: AbortSignal.any([signal, stop.signal]),
    ...(after === undefined ? {} : { after }),
  });
  let ping: NodeJS.Timeout;
  return new ReadableStream({
    start(controller) {
      // Proxies end connections on which nothing is said.
      ping = setInterval(() => controller.enqueue(encoder.encode(": ping\n\n")), PING_MS);
      ping.unref();
    },
    async pull(controller) {
      const next = await looks.next();
      if (!next.done) return controller.enqueue(encoder.encode(written(next.value)));
      clearInterval(ping);
      controller.close();
    },
    cancel() {
      clearInterval(ping);
      stop.abort();
    },
  });
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
