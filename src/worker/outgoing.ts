/** What actions send out in the name of their run. */
import type { ActionContext } from "../core/definition/action.ts";
import type { PublishedEvent } from "../core/definition/outgoing.ts";
import { FlowForgeError } from "../core/errors.ts";
import { PermanentError } from "../core/run/failures.ts";
import { checkValue, type ValueLimits } from "../core/values.ts";
import type { Secrets } from "../security/redaction.ts";

export interface OutgoingEvent {
  readonly workspace: string;
  readonly name: string;
  readonly payload: unknown;
  readonly id: string;
  /** Workflows whose runs led to it, the oldest first. */
  readonly chain: readonly string[];
}

/** The engine's part. */
export interface Outgoing {
  /** Throws `option_invalid` and `value_invalid`. */
  publish(event: OutgoingEvent): Promise<Omit<PublishedEvent, "id">>;
}

export interface OutgoingOptions {
  readonly outgoing: Outgoing;
  readonly workspace: string;
  readonly chain: readonly string[];
  readonly idempotencyKey: string;
  readonly limits: ValueLimits;
  /** Of the attempt, as far as it knows some when it sends something. */
  readonly secrets: Secrets;
}

/** The members of an attempt's context. */
export function outgoingParts(options: OutgoingOptions): Pick<ActionContext<unknown>, "publish"> {
  const { outgoing, workspace, chain, idempotencyKey, secrets } = options;
  return {
    publish: async (event, given = null, { id: givenId } = {}) => {
      const name = secrets.text(String(event));
      const id = secrets.text(String(givenId ?? `${idempotencyKey}/${name}`));
      const payload = withoutSecrets(given, options);
      return { id, ...(await lasting(outgoing.publish({ workspace, name, payload, id, chain }))) };
    },
  };
}

/** What is no JSON is left to whoever is to store it, and refuses it. */
function withoutSecrets(given: unknown, { secrets, limits }: OutgoingOptions): unknown {
  const checked = checkValue(given, limits);
  return checked.ok ? secrets.json(checked.value) : given;
}

/** What was refused once is refused again, with whatever attempt. */
async function lasting<T>(sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    if (!FlowForgeError.is(error) || !REFUSALS.has(error.code)) throw error;
    throw new PermanentError(error.message, { cause: error });
  }
}

const REFUSALS: ReadonlySet<string> = new Set(["option_invalid", "value_invalid"]);
