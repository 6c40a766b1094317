/** A workspace as lines of JSON. */
import type { WorkflowDocument } from "../core/definition/document.ts";
import type { Page, RunDetail, Store } from "../core/ports/store.ts";

const PAGE = 100;
const ITEMS = 500;

/** One JSON text a line; `type` says what it is. */
export async function* exportLines(store: Store, workspace: string): AsyncIterable<string> {
  yield lineOf("workspace", { workspace, format: 1, exportedAt: await store.now() });
  const documents = new Map<string, WorkflowDocument>();
  for (const { name, enabled } of await store.workflows(workspace)) {
    for (const version of await store.workflowVersions(workspace, name)) {
      documents.set(`${name} ${version.version}`, version.document);
      yield lineOf("workflow", { ...version, enabled });
    }
  }
  yield* schedules(store, workspace);
  yield* polls(store, workspace);
  yield* credentials(store, workspace);
  yield* deliveries(store, workspace);
  for await (const event of paged((page) => store.events.page({ workspace, ...page })))
    yield lineOf("event", event);
  for await (const { id } of paged((page) => store.runs({ workspace, ...page }))) {
    const run = await store.run(workspace, id);
    // One that was deleted since the page was read.
    if (!run) continue;
    yield lineOf("run", run);
    yield* items(store, run, documents.get(`${run.header.workflow} ${run.header.version}`));
  }
  for await (const letter of paged((page) => store.deadLetters({ workspace, ...page })))
    yield lineOf("deadLetter", letter);
  for await (const entry of paged((page) => store.audit.page({ workspace, ...page })))
    yield lineOf("audit", entry);
}

function lineOf(type: string, value: object): string {
  return `${JSON.stringify({ type, ...value })}\n`;
}

type Ask<T> = (page: { readonly limit: number; readonly cursor?: string }) => Promise<Page<T>>;

async function* paged<T>(ask: Ask<T>): AsyncIterable<T> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await ask({ limit: PAGE, ...(cursor === null ? {} : { cursor }) });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== null);
}

async function* schedules(store: Store, workspace: string): AsyncIterable<string> {
  for (let page = await store.schedules.list({ workspace, limit: PAGE }); page.length > 0;) {
    for (const schedule of page) yield lineOf("schedule", schedule);
    page = await store.schedules.list({ workspace, limit: PAGE, after: page.at(-1)! });
  }
}

/** How far each has read; not the items that it has seen, which have their runs. */
async function* polls(store: Store, workspace: string): AsyncIterable<string> {
  for (let page = await store.polls.list({ workspace, limit: PAGE }); page.length > 0;) {
    for (const poll of page) yield lineOf("poll", poll);
    page = await store.polls.list({ workspace, limit: PAGE, after: page.at(-1)! });
  }
}

/** Their headers: no value, sealed or open. */
async function* credentials(store: Store, workspace: string): AsyncIterable<string> {
  for (let page = await store.credentials.credentials({ workspace, limit: PAGE }); page.length > 0;) {
    for (const header of page) yield lineOf("credential", header);
    page = await store.credentials.credentials({ workspace, limit: PAGE, after: page.at(-1)!.name });
  }
}

async function* deliveries(store: Store, workspace: string): AsyncIterable<string> {
  for await (const { id } of paged((page) => store.webhooks.page({ workspace, ...page }))) {
    const delivery = await store.webhooks.get(workspace, id);
    if (!delivery) continue;
    const body = delivery.body === null ? null : Buffer.from(delivery.body).toString("base64");
    yield lineOf("delivery", { ...delivery, body });
  }
}

/** Of the maps of a run. */
async function* items(
  store: Store,
  { header: { id: runId, workspace }, nodes }: RunDetail,
  document: WorkflowDocument | undefined,
): AsyncIterable<string> {
  for (const { node } of nodes) {
    const definition = document?.nodes[node];
    if (definition?.kind !== "action" || definition.forEach === undefined) continue;
    const place = { workspace, runId, node, limit: ITEMS };
    for (let page = await store.mapPage(place); page && page.items.length > 0;) {
      for (const item of page.items) yield lineOf("item", { runId, ...item });
      page = await store.mapPage({ ...place, after: page.items.at(-1)!.item });
    }
  }
}
