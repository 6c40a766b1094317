/** `engine.polls`: the polls of a workspace, which its workflows' triggers make. */
import { z } from "zod";
import type { PollSource } from "../core/definition/document.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { ItemRefusal, PollPlace, PollRecord } from "../core/ports/polls.ts";
import type { Page, Store } from "../core/ports/store.ts";
import type { ItemRuns } from "../worker/polls.ts";
import { inWorkspaceSchema, type InWorkspace, workspaceOf } from "./call-options.ts";
import type { RunsApi } from "./runs.ts";

/** Which poll: that of a trigger node of a workflow. */
export interface PollOf extends InWorkspace {
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly trigger: string;
}

export interface ListPollsOptions extends InWorkspace {
  /** Only those of this workflow. */
  readonly workflow?: string | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** A poll, and how far it has come. Times are milliseconds since 1970. */
export interface Poll {
  readonly workspace: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly source: PollSource;
  readonly paused: boolean;
  /** What the action returned last; `null`: nothing. */
  readonly cursor: Json;
  /** When it is asked next, or should have been; while it is asked, when that was due. */
  readonly nextAt: number;
  /** Polls that failed, one after the other, until now. */
  readonly failures: number;
  /** Why the last poll failed; `null`: it did not. */
  readonly lastError: string | null;
  /** When a poll last succeeded, and how many items were new then. */
  readonly lastAt: number | null;
  readonly lastItems: number;
  /** The last item that was refused, and so has no run: its input did not fit, say. */
  readonly lastRefusal: ItemRefusal | null;
}

const ofSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow: z.string().min(1).max(128),
  trigger: z.string().min(1).max(128),
});
const listSchema: z.ZodObject = inWorkspaceSchema.extend({
  workflow: z.string().min(1).max(128).optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

/** What the poller asks of the engine. The runs are made after the worker that calls this. */
export function itemRuns(runs: () => RunsApi): ItemRuns {
  return {
    async start({ runId, place, version, item }) {
      const { workspace, workflow, node: trigger } = place;
      const start = { workspace, workflow, version, trigger, input: item };
      const prepared = await runs().prepareFired(start, "an item of a poll");
      await runs().startPrepared({ ...prepared, runId });
    },
  };
}

export class PollsApi {
  readonly #store: Store;

  /** @internal */
  constructor(store: Store) {
    this.#store = store;
  }

  /** By workflow and trigger, page by page. Throws `option_invalid`. */
  async list(options: ListPollsOptions = {}): Promise<Page<Poll>> {
    const workspace = workspaceOf(options, "polls.list", listSchema);
    const { workflow, cursor, limit = 100 } = options;
    const { polls } = this.#store;
    await polls.sync();
    const page = {
      ...(cursor === undefined ? {} : { after: placeOf(cursor) }),
      ...(workflow === undefined ? {} : { workflow }),
    };
    const found = await polls.list({ workspace, limit: limit + 1, ...page });
    const items = found.slice(0, limit).map(shown);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, cursor: last ? `${last.workflow} ${last.trigger}` : null };
  }

  /** `null`: there is none. Throws `option_invalid`. */
  async get(options: PollOf): Promise<Poll | null> {
    const place = placeIn(options, "polls.get");
    await this.#store.polls.sync();
    const record = await this.#store.polls.get(place);
    return record && shown(record);
  }

  /** From now on nothing is asked; a poll under way ends. Twice is once. Throws `poll_not_found`. */
  async pause(options: PollOf): Promise<void> {
    const place = placeIn(options, "polls.pause");
    await this.#change(place, () => this.#store.polls.setPaused(place, true));
  }

  /** Goes on from the cursor: items that came meanwhile are new, and have their runs now. Throws `poll_not_found`. */
  async resume(options: PollOf): Promise<void> {
    const place = placeIn(options, "polls.resume");
    await this.#change(place, () => this.#store.polls.setPaused(place, false));
  }

  /**
   * Asks as soon as a worker comes to it, about a second later, whatever its `every` or the pause after a failure says. One that is paused
   * stays so. Throws `poll_not_found`.
   */
  async pollNow(options: PollOf): Promise<void> {
    const place = placeIn(options, "polls.pollNow");
    await this.#change(place, () => this.#store.polls.hurry(place));
  }

  async #change(place: PollPlace, change: () => Promise<boolean>): Promise<void> {
    // No poller has seen a workflow that was registered just now.
    await this.#store.polls.sync();
    if (await change()) return;
    const { workspace, workflow, node } = place;
    throw new FlowForgeError("poll_not_found", {
      subject: `poll "${node}" of workflow "${workflow}" in workspace "${workspace}"`,
      next: "Give the workflow's newest version a trigger with this id and a source of the type poll.",
    });
  }
}

function placeIn(options: PollOf, call: string): PollPlace {
  const workspace = workspaceOf(options, call, ofSchema);
  return { workspace, workflow: options.workflow, node: options.trigger };
}

function shown(record: PollRecord): Poll {
  const { workspace, workflow, node: trigger, source, paused, cursor, dueAt, failures } = record;
  const { lastError, lastAt, lastItems, lastRefusal } = record;
  const last = { lastError, lastAt, lastItems, lastRefusal };
  return { workspace, workflow, trigger, source, paused, cursor, nextAt: dueAt, failures, ...last };
}

/** Names of workflows and nodes hold no space. */
function placeOf(cursor: string): Pick<PollPlace, "workflow" | "node"> {
  const [workflow = "", node = ""] = cursor.split(" ", 2);
  return { workflow, node };
}
