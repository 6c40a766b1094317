/** Attempts of an action as the engine makes them, but for the store. */
import { ActionRegistry, type RegisteredAction } from "../../actions/registry.ts";
import type { Action, ActionContext, FailureMeaning } from "../../core/definition/action.ts";
import type { Json } from "../../core/json.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { MemoStore } from "../../core/ports/memos.ts";
import { classifyFailure, isMarked } from "../../core/run/classify.ts";
import { DEFAULT_LIMITS } from "../../core/values.ts";
import { OutboundHttp } from "../../security/outbound/guarded-fetch.ts";
import { parseOutbound } from "../../security/outbound/rules.ts";
import { parseSandbox } from "../../security/sandbox/limits.ts";
import { Sandbox } from "../../security/sandbox/sandbox.ts";
import { Attempt, type Outcome } from "../../worker/attempt.ts";
import { Grants } from "../../worker/grants.ts";
import { memoParts } from "../../worker/memos.ts";
import { type Outgoing, outgoingParts } from "../../worker/outgoing.ts";
import { acceptInput } from "../../worker/prepare.ts";
import type { ActionExample, ActionFixture, FixtureTransaction } from "./fixture.ts";

const TIMEOUT_MS = 30_000;
const RUN = { id: "01890000-0000-7000-8000-000000000000", workflow: "w", workspace: "default", version: 1 };
const NODE = { id: "a", item: -1 };
const quiet = (): void => {};
const nobody: Outgoing = {
  publish: () => Promise.resolve({ runs: 0 }),
  addJob: () => Promise.resolve(),
};
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };

export interface AttemptSettings {
  /** Default `key`. */
  readonly key?: string;
  /** Default 1. Later ones are verified first. */
  readonly attempt?: number;
  /** An input that was accepted before. Default: the example's. */
  readonly input?: Json;
  /** Default true. */
  readonly granted?: boolean;
  /** How the transaction of a `transactional` action ends after a success. Default `commit`. */
  readonly end?: "commit" | "rollback";
}

export class Trial {
  readonly fixture: ActionFixture;
  readonly registered: RegisteredAction;
  readonly #http: OutboundHttp;
  readonly #sandbox: Sandbox;
  readonly #memos: MemoStore = inMemory();
  #error: unknown = null;

  constructor(fixture: ActionFixture) {
    this.fixture = fixture;
    const registered = new ActionRegistry([fixture.action]).get(fixture.action.name)!;
    this.registered = { ...registered, action: this.#overheard(registered.action) };
    this.#http = new OutboundHttp({ rules: parseOutbound(fixture.http ?? {}) });
    this.#sandbox = new Sandbox(parseSandbox());
  }

  async dispose(): Promise<void> {
    this.#sandbox.close();
    await this.#http.close();
    await this.fixture.dispose?.();
  }

  /** What the last attempt's error means, in terms of what an author says of one; `none`: it did not fail. */
  get meaning(): FailureMeaning | "notYet" | "none" {
    if (this.#error === null) return "none";
    const { action, effect } = this.registered;
    const said = isMarked(this.#error) ? undefined : action.classify?.(this.#error);
    const { verdict, unknown } = classifyFailure(
      this.#error,
      // The class that takes doubts for what they are; where there is none, only a known doubt is one.
      effect === "atMostOnce" ? effect : null,
      said === undefined ? {} : { said },
    );
    if (unknown || verdict.type === "outcomeUnknown") return "unknown";
    return verdict.type === "permanent" || verdict.type === "notYet" ? verdict.type : "retry";
  }

  get first(): ActionFixture["successes"][number] {
    const [first] = this.fixture.successes;
    if (!first) throw new Error("The fixture needs at least one example in `successes`.");
    return first;
  }

  /** As the other side counts. */
  async effects(): Promise<number> {
    if (!this.fixture.effects)
      throw new Error(
        `The fixture needs \`effects\`: the action's class is ${String(this.registered.effect)}.`,
      );
    return this.fixture.effects();
  }

  /** The input as it is stored, and given to every attempt. Throws where the schema refuses it. */
  accept({ title, input }: ActionExample): Json {
    const accepted = acceptInput(input, this.registered, DEFAULT_LIMITS);
    if (!accepted.ok) throw new Error(`${title}: ${accepted.error.message}`);
    return accepted.value;
  }

  async run(example: ActionExample, settings: AttemptSettings = {}): Promise<Outcome> {
    this.#error = null;
    const transaction = await this.#begin();
    const attempt = this.begin(example, settings, transaction);
    const outcome = await attempt.outcome;
    await attempt.ended;
    if (outcome.type === "succeeded" && settings.end !== "rollback") await transaction?.commit();
    else await transaction?.rollback();
    return outcome;
  }

  begin(
    example: ActionExample,
    { key = "key", attempt = 1, granted = true, input = this.accept(example) }: AttemptSettings = {},
    transaction?: FixtureTransaction,
  ): Attempt {
    const { credentials = {} } = example;
    const names = Object.keys(credentials).filter(
      (name) => this.registered.action.credentials?.includes(name) ?? true,
    );
    const source = ({ name }: { readonly name: string }) => Promise.resolve(credentials[name] ?? null);
    const { workspace, workflow, id: runId } = RUN;
    const request = { workspace, workflow, runId, node: NODE.id };
    const grants = new Grants(source, granted ? names : [], request);
    const context: Omit<ActionContext<Json>, "signal" | "tx"> = {
      input,
      attempt,
      idempotencyKey: key,
      logger,
      credential: (name) => grants.credential(name),
      redact: (secret) => grants.secrets.add(secret),
      ...outgoingParts({
        chain: [],
        outgoing: { ...nobody, ...this.fixture.outgoing },
        run: request,
        idempotencyKey: key,
        limits: DEFAULT_LIMITS,
        secrets: grants.secrets,
      }),
      fetch: this.#http.fetch,
      connect: this.#http.connect,
      runCode: (request) => this.#sandbox.run(request, { workspace, logger }),
      ...memoParts({
        store: this.#memos,
        ref: { runId, node: key, item: NODE.item, fence: attempt, generation: 0 },
        limits: DEFAULT_LIMITS,
        redact: (value) => grants.secrets.json(value),
        pause: () => Promise.resolve(),
        stopped: () => true,
      }),
      run: RUN,
      node: NODE,
    };
    const { tx } = transaction ?? {};
    return new Attempt({
      action: this.registered,
      context,
      timeoutMs: TIMEOUT_MS,
      isFirst: attempt === 1,
      graceMs: TIMEOUT_MS,
      limits: DEFAULT_LIMITS,
      secrets: grants.secrets,
      now: () => Date.now(),
      ...(tx ? { transaction: { begin: () => Promise.resolve({ ...context, tx }) } } : {}),
    });
  }

  #overheard(action: Action): Action {
    return {
      ...action,
      run: async (context) => {
        try {
          return await action.run(context);
        } catch (error) {
          this.#error = error;
          throw error;
        }
      },
    };
  }

  async #begin(): Promise<FixtureTransaction | undefined> {
    if (this.registered.effect !== "transactional") return undefined;
    if (!this.fixture.begin) throw new Error("The fixture needs `begin`: the action is transactional.");
    return this.fixture.begin();
  }
}

function inMemory(): MemoStore {
  const saved = new Map<string, Map<string, Json>>();
  const of = (node: string): Map<string, Json> => {
    const known = saved.get(node) ?? new Map<string, Json>();
    saved.set(node, known);
    return known;
  };
  return {
    memos: ({ node }) => Promise.resolve(of(node)),
    saveMemo: ({ node }, name, value) => Promise.resolve(of(node).set(name, value).has(name)),
  };
}
