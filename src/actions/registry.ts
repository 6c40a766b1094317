/** The action registry: which actions this engine can run, looked up by name. */
import { type Action, type EffectKind, parseKeyLifetime } from "../core/definition/action.ts";
import { parseDuration } from "../core/definition/duration.ts";
import { parseRetry, type RetryPolicy } from "../core/definition/retry.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";

/** An action with its own settings parsed once. */
export interface RegisteredAction {
  // The schemas of each action differ, so the registry sees only their least common form.
  readonly action: Action;
  /** `null`: the action does not say. */
  readonly timeoutMs: number | null;
  readonly retry: Partial<RetryPolicy> | null;
  /** `null`: it declares none. */
  readonly effect: EffectKind | null;
  /** How long its receiver remembers an idempotency key, from the first use. */
  readonly keyLifetimeMs: number;
}

const KEY_LIFETIME_MS = 24 * 60 * 60_000;

/** The effect class of attempts with this input; `undefined`: the input is not known. `null`: none is declared. */
export function effectOf({ action, effect }: RegisteredAction, input: Json | undefined): EffectKind | null {
  const special = input === undefined ? undefined : action.effectOf?.(input);
  return special ?? effect;
}

export class ActionRegistry {
  readonly #actions = new Map<string, RegisteredAction>();

  constructor(actions: Iterable<Action>) {
    for (const action of actions) this.#add(action);
  }

  get(name: string): RegisteredAction | undefined {
    return this.#actions.get(name);
  }

  has(name: string): boolean {
    return this.#actions.has(name);
  }

  names(): readonly string[] {
    return [...this.#actions.keys()].sort();
  }

  #add(action: Action): void {
    const known = this.#actions.get(action.name);
    if (known?.action === action) return;
    if (known) {
      throw new FlowForgeError("action_duplicate", {
        subject: `action "${action.name}"`,
        expected: "one action per name",
        received: "two different actions of this name",
        next: "Rename one of them, or pass the same object in both places.",
      });
    }
    this.#actions.set(action.name, {
      action,
      timeoutMs:
        action.timeout === undefined
          ? null
          : parseDuration(action.timeout, `action "${action.name}" timeout`),
      retry: action.retry === undefined ? null : parseRetry(action.retry),
      ...effectFields(action),
    });
  }
}

function effectFields({ name, effect }: Action): Pick<RegisteredAction, "effect" | "keyLifetimeMs"> {
  if (typeof effect !== "object") return { effect: effect ?? null, keyLifetimeMs: KEY_LIFETIME_MS };
  return { effect: effect.kind, keyLifetimeMs: parseKeyLifetime(effect, `action "${name}" effect`) };
}
