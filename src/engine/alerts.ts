/** Tells of what somebody should look at and no commit tells: to listeners of the engine, and to workflows of its workspace. */
import { alertEvent, type AlertFacts, alertOf } from "../core/alert/alert.ts";
import type { OwnEvent } from "../core/definition/own-events.ts";
import type { JsonObject } from "../core/json.ts";
import type { Announcement } from "../core/ports/commit.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Store } from "../core/ports/store.ts";
import type { BreakerChange } from "../worker/breakers/breakers.ts";
import type { MissedTicks } from "../worker/ticks.ts";
import type { WorkerOptions } from "../worker/worker-options.ts";
import type { EngineEvents } from "./engine-events.ts";

export interface AlertParts {
  readonly store: Pick<Store, "events">;
  readonly events: Pick<EngineEvents, "emit">;
  readonly logger: Logger;
}

/** Of an event whose payload says what an alert of it needs. */
interface Told {
  readonly name: OwnEvent;
  readonly id: string;
  readonly chain: readonly string[];
  readonly payload: JsonObject;
}

/** Stores both events together. Rejects where they could not be. */
export async function announceAlert(
  { store, events }: Pick<AlertParts, "store" | "events">,
  told: Told,
  facts: AlertFacts,
): Promise<void> {
  const alert = alertOf(facts);
  events.emit("alert", alert);
  const own: Announcement = { ...told, workspace: alert.workspace };
  await store.events.announce([own, alertEvent(alert, told)]);
}

/** A breaker that opens is an alert, but not for the workflows whose attempts have opened it. */
export function tellBreaker(parts: AlertParts, of: BreakerChange): void {
  const { change, at, culprits, ...about } = of;
  const { workspace, scope, name, failed, attempts } = about;
  const id = `flowforge.breaker.${change}/${scope}/${name}/${at}`;
  if (change === "closed") {
    parts.events.emit("breaker.closed", { workspace, scope, name });
    const event = { workspace, id, name: "flowforge.breaker.closed", payload: { scope, name }, chain: [] };
    return inBackground(parts, parts.store.events.announce([event]));
  }
  parts.events.emit("breaker.opened", { workspace, scope, name, failed, attempts });
  const payload = { scope, name, failed, attempts };
  const told: Told = { id, name: "flowforge.breaker.opened", payload, chain: culprits };
  inBackground(parts, announceAlert(parts, told, { what: "breaker_opened", workspace, details: payload }));
}

export function tellMissed(parts: AlertParts, missed: MissedTicks): void {
  const { workspace, workflow, node, from, until, catchUp } = missed;
  parts.logger.warn({ ...missed }, "ticks of a schedule were missed");
  parts.events.emit("schedule.missed", missed);
  const details = { from, until, catchUp };
  const told: Told = {
    id: `flowforge.schedule.missed/${workflow}/${node}/${from}`,
    name: "flowforge.schedule.missed",
    payload: { workflow, node, ...details },
    chain: [workflow],
  };
  inBackground(
    parts,
    announceAlert(parts, told, { what: "schedule_missed", workspace, workflow, node, details }),
  );
}

/** What breakers and schedules of the worker tell. */
export function alertsForWorker(parts: AlertParts): Pick<WorkerOptions, "onMissed"> {
  return { onMissed: (missed) => tellMissed(parts, missed) };
}

/** It is in the log and was told here, whatever becomes of this. */
function inBackground({ logger }: AlertParts, storing: Promise<void>): void {
  storing.catch((error: unknown) => logger.warn({ error }, "an alert could not be stored for workflows"));
}
