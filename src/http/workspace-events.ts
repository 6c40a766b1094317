/** What happens in the caller's workspace as server-sent events. An event's id is the position from which a client that comes back goes on. */
import type { FeedMessage } from "../index.ts";
import type { Caller } from "./route.ts";

/** Another text than a position is no place in the feed: the client begins anew, as one that was away too long does. */
const POSITION = /^\d{1,18}\.\d{1,18}$/;

export function workspaceEvents({ engine, workspace, request, stream }: Caller): Response {
  const last = request.headers.get("last-event-id") ?? "";
  const after = POSITION.test(last) ? { after: last } : {};
  async function* texts(signal: AbortSignal): AsyncGenerator<string> {
    for await (const message of engine.events.follow({ workspace, signal, ...after })) yield written(message);
  }
  return stream({ texts });
}

function written(message: FeedMessage): string {
  const id = message.position === null ? "" : `id: ${message.position}\n`;
  switch (message.type) {
    case "reset":
      return `${id}event: reset\ndata: {}\n\n`;
    case "event":
      return `${id}event: ${message.event.type}\ndata: ${JSON.stringify(message.event)}\n\n`;
    case "idle":
      // Without data no event is fired, and a browser keeps the id all the same.
      return `: idle\n${id}\n`;
  }
}
