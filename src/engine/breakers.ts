/** `engine.breakers`: which circuit breakers are open, and what to do about them by hand. */
import { z } from "zod";
import {
  type BreakerPhase,
  type BreakerState,
  CLOSED,
  openByHand,
  releaseByHand,
} from "../core/breaker/breaker.ts";
import { BREAKER_SCOPES, type BreakerKey, type BreakerScope } from "../core/breaker/key.ts";
import { type BreakerPolicy, DEFAULT_BREAKER } from "../core/breaker/policy.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { StoredBreaker } from "../core/ports/breakers.ts";
import type { Page, Store } from "../core/ports/store.ts";
import { type BreakerRules, policyOf } from "../worker/breakers/breaker-uses.ts";
import type { WorkerOptions } from "../worker/worker-options.ts";
import { type AlertParts, tellBreaker } from "./alerts.ts";
import { workspaceOf } from "./call-options.ts";
import { checkOptions } from "./check-options.ts";

/** Which breaker. */
export interface BreakerOf {
  /** Default `default`. */
  readonly workspace?: string | undefined;
  readonly scope: BreakerScope;
  /** A host, what an action says with `target`, or its name; a credential; a workflow; a workspace. */
  readonly name: string;
}

export interface ListBreakersOptions {
  /** Default `default`. */
  readonly workspace?: string | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

export interface BreakerSummary extends BreakerKey {
  /**
   * `open`: nothing is let through. `probing`: a few node runs are tried. `releasing`: the others go on, in waves.
   */
  readonly phase: BreakerPhase;
  /** Since when it is not closed. Milliseconds since 1970. */
  readonly openedAt: number;
  /** Somebody has opened it, and it stays so until somebody closes it. */
  readonly byHand: boolean;
  /**
   * Attempts that say why it is in this phase: those that opened it, else those of its probes or its wave so far. 0 where
   * somebody opened it who had seen none.
   */
  readonly attempts: number;
  /** Of these, the ones that failed. */
  readonly failed: number;
  /** Node runs that are parked behind it; counted up to 10,000. Items of maps are not among them. */
  readonly parked: number;
}

const text = z.string().min(1).max(200);
const ofSchema: z.ZodObject = z.strictObject({
  workspace: z.string().optional(),
  scope: z.enum(BREAKER_SCOPES),
  name: text,
});
const listSchema: z.ZodObject = z.strictObject({
  workspace: z.string().optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(1_000).optional(),
});

const MAX_TRIES = 20;

export interface BreakersParts extends AlertParts {
  readonly store: Pick<Store, "breakers" | "now" | "events">;
}

export class BreakersApi {
  readonly #parts: BreakersParts;
  readonly #store: BreakersParts["store"];
  readonly #rules: BreakerRules | null;

  /** @internal */
  constructor(parts: BreakersParts, rules: BreakerRules | null) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#rules = rules;
  }

  /** Breakers of a workspace that are not closed, by scope and name, page by page. Throws `option_invalid`. */
  async list(options: ListBreakersOptions = {}): Promise<Page<BreakerSummary>> {
    checkOptions(listSchema, options, "breakers.list");
    const workspace = workspaceOf({ workspace: options.workspace }, "breakers.list");
    const { cursor, limit = 100 } = options;
    const after = cursor === undefined ? {} : { after: placeOf(cursor) };
    const found = await this.#store.breakers.page({ workspace, limit: limit + 1, ...after });
    const shown = found.slice(0, limit);
    const parked = await this.#store.breakers.parked(shown);
    const items = shown.map((breaker, index) => summary(breaker, parked[index] ?? 0));
    const last = shown.at(-1);
    return { items, cursor: last && found.length > limit ? JSON.stringify([last.scope, last.name]) : null };
  }

  /**
   * Opens a breaker by hand: node runs that would use it are parked until somebody closes it. Engines take it up within about a second;
   * what runs goes on. Throws `option_invalid`, also where no engine of this kind has such a breaker.
   */
  async open(of: BreakerOf): Promise<void> {
    await this.#change(of, "breakers.open", (state, { now }) => openByHand(state, now));
  }

  /**
   * Closes a breaker by hand, without probes: what is parked behind it goes on in growing waves, and when these fail it opens again. Does
   * nothing to one that is closed. Throws `option_invalid`.
   */
  async close(of: BreakerOf): Promise<void> {
    await this.#change(of, "breakers.close", releaseByHand);
  }

  async #change(of: BreakerOf, call: string, make: typeof releaseByHand): Promise<void> {
    checkOptions(ofSchema, of, call);
    const { scope, name } = of;
    const policy = this.#policyOf(of, call);
    const key = { workspace: workspaceOf({ workspace: of.workspace }, call), scope, name };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const [stored] = await this.#store.breakers.read([key]);
      const before = stored?.state ?? CLOSED;
      const state = make(before, { policy, now: await this.#store.now() });
      if (state === before) return;
      const [isWritten] = await this.#store.breakers.write([{ key, version: stored?.version ?? 0, state }]);
      if (isWritten) return this.#tell(key, before, state);
    }
    throw new Error(`The breaker of ${scope} ${JSON.stringify(name)} is changed by others all the time.`);
  }

  /** That it is closed again is told by whoever finds that nothing is parked any more. */
  #tell(key: BreakerKey, before: BreakerState, { phase, openedAt, since: at }: BreakerState): void {
    if (before.phase !== "closed" || phase === "closed") return;
    this.#parts.logger.warn({ ...key }, "a breaker was opened by hand: node runs behind it are parked");
    const change = { change: "opened", failed: 0, attempts: 0, at: openedAt ?? at, culprits: [] } as const;
    tellBreaker(this.#parts, { ...key, ...change });
  }

  #policyOf({ scope, name }: BreakerOf, call: string): BreakerPolicy {
    const rules = this.#rules?.[scope] ?? null;
    if (rules) return policyOf(rules, name) ?? DEFAULT_BREAKER;
    throw new FlowForgeError("option_invalid", {
      subject: `the scope of ${call}`,
      expected: "a kind of breakers that this engine has",
      received: scope,
      next: "Name it in the option `breakers` of createEngine.",
    });
  }
}

function summary({ state, ...of }: StoredBreaker, parked: number): BreakerSummary {
  const { workspace, scope, name } = of;
  const { phase, byHand, ok, failed } = state;
  const openedAt = state.openedAt ?? state.since;
  return { workspace, scope, name, phase, openedAt, byHand, attempts: ok + failed, failed, parked };
}

function placeOf(cursor: string): Pick<BreakerKey, "scope" | "name"> {
  try {
    const [scope, name] = z.tuple([z.enum(BREAKER_SCOPES), z.string()]).parse(JSON.parse(cursor));
    return { scope, name };
  } catch {
    throw new FlowForgeError("option_invalid", {
      subject: 'option "cursor" of breakers.list',
      expected: "the cursor of the page before",
      next: "Begin without one.",
    });
  }
}

/** What a worker needs of the option, and whom it tells. */
export function breakersForWorker(
  { breakers: rules }: { readonly breakers: BreakerRules | null },
  alerts: AlertParts,
): Pick<WorkerOptions, "breakers"> {
  return { breakers: rules && { rules, onChange: (change) => tellBreaker(alerts, change) } };
}
