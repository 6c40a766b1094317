/** Finds runs that wait for room although there may be some: whoever made it has died, or the run was started in a transaction. */
import type { GateRef } from "../../core/ports/gates.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Admissions } from "../admissions.ts";

const PAGE = 1_000;
const EVERY_MS = 1_000;

export function gatesRound(
  store: Pick<Store, "waitingGates">,
  admissions: Admissions,
): () => Promise<number> {
  let after: GateRef | undefined;
  return async () => {
    const gates = await store.waitingGates({ limit: PAGE, ...(after ? { after } : {}) });
    after = gates.length === PAGE ? gates.at(-1) : undefined;
    admissions.ask(gates);
    await admissions.idle();
    return EVERY_MS;
  };
}
