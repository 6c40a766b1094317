/** What an engine has for events, and what they ask of the rest of it. The others are made after the worker that calls these. */
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";
import type { EventRuns } from "../worker/loops/events.ts";
import type { Outgoing } from "../worker/outgoing.ts";
import type { Worker } from "../worker/worker.ts";
import type { HostTransactions } from "../postgres/host-transactions.ts";
import type { EngineEvents } from "./engine-events.ts";
import { EventFanOut, HOLD_MS } from "./event-fan-out.ts";
import { EventsApi } from "./events.ts";
import type { EventStart } from "./prepared-start.ts";
import type { RunControl } from "./run-control.ts";
import type { RunsApi } from "./runs.ts";
import type { OwnTransactions } from "./transactions.ts";

export interface AroundEvents {
  readonly store: Store;
  readonly logger: Logger;
  readonly transactions: HostTransactions;
  readonly own: OwnTransactions;
  /** Of the engine: `event.refused`. */
  readonly tell: EngineEvents;
  readonly worker: () => Worker;
  readonly runs: () => RunsApi;
  readonly control: () => RunControl;
  /** The other thing that actions send. */
  readonly addJob: Outgoing["addJob"];
}

export class EventParts {
  readonly api: EventsApi;
  readonly #around: AroundEvents;
  readonly #fanOut: EventFanOut;

  constructor(around: AroundEvents) {
    const { store, logger, transactions, own, worker, control } = around;
    this.#around = around;
    this.#fanOut = new EventFanOut({
      store,
      logger,
      limits: () => worker().table.limits,
      start: (start) => this.#start(start),
      look: (runId) => control().look(runId),
      onRefused: ({ id, name, workspace }, { workflow, trigger, ...error }) => {
        const refused = { id, event: name, workspace, workflow, trigger, error };
        logger.warn(refused, "an event matched a trigger and could not start its run");
        around.tell.emit("event.refused", refused);
      },
    });
    this.api = new EventsApi({ store, transactions, own, fanOut: this.#fanOut, worker });
  }

  /** What the loops and the actions of the worker ask for. */
  get forWorker(): { readonly events: EventRuns; readonly outgoing: Outgoing } {
    return {
      events: { holdMs: HOLD_MS, handOn: (event, pages) => this.#fanOut.handOn(event, pages) },
      outgoing: {
        publish: (event) => this.api.publishOfRun(event),
        addJob: this.#around.addJob,
      },
    };
  }

  /** From now on nothing is begun; what is not done is for others. */
  close(): void {
    this.#fanOut.close();
  }

  async #start({ runId, ...start }: EventStart): Promise<void> {
    const runs = this.#around.runs();
    await runs.startPrepared({ ...(await runs.prepareFired(start, "an event")), runId });
  }
}
