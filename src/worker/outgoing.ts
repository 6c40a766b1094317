/** What actions send out in the name of their run. */
import type { ActionContext } from "../core/definition/action.ts";
import { checkJobRequest, jobOptions } from "../actions/job-request.ts";
import type { JobRequest, PublishedEvent } from "../core/definition/outgoing.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { HostJob } from "../core/ports/host-queues.ts";
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

export interface OutgoingJob extends HostJob {
  readonly workspace: string;
  readonly workflow: string;
  readonly runId: string;
  readonly node: string;
}

/** The engine's part. */
export interface Outgoing {
  /** Throws `option_invalid` and `value_invalid`. */
  publish(event: OutgoingEvent): Promise<Omit<PublishedEvent, "id">>;
  /** Throws `queue_not_allowed`. */
  addJob(job: OutgoingJob): Promise<void>;
}

export interface OutgoingOptions {
  readonly outgoing: Outgoing;
  /** Whose run it is. */
  readonly run: Pick<OutgoingJob, "workspace" | "workflow" | "runId" | "node">;
  readonly chain: readonly string[];
  readonly idempotencyKey: string;
  readonly limits: ValueLimits;
  /** Of the attempt, as far as it knows some when it sends something. */
  readonly secrets: Secrets;
}

/** The members of an attempt's context. */
export function outgoingParts(options: OutgoingOptions): Pick<ActionContext<unknown>, "publish" | "addJob"> {
  const { outgoing, run, chain, idempotencyKey, secrets } = options;
  const { workspace } = run;
  return {
    publish: async (event, given = null, { id: givenId } = {}) => {
      const name = secrets.text(String(event));
      const id = secrets.text(String(givenId ?? `${idempotencyKey}/${name}`));
      const payload = withoutSecrets(given, options);
      return { id, ...(await lasting(() => outgoing.publish({ workspace, name, payload, id, chain }))) };
    },
    addJob: (request) =>
      lasting(async () => {
        const job = jobOf(request, options);
        await outgoing.addJob({ ...run, ...job });
        return { id: job.id };
      }),
  };
}

/** Throws `option_invalid` and `value_invalid`. */
function jobOf(request: JobRequest, { idempotencyKey, secrets, limits }: OutgoingOptions): HostJob {
  checkJobRequest(request);
  const { name, data = {}, part } = request;
  const queue = secrets.text(request.queue);
  const checked = checkValue(data, limits);
  if (!checked.ok) {
    throw new FlowForgeError("value_invalid", {
      subject: `the data of a job for the queue "${queue}"`,
      received: `a value that${checked.problem.path.length > 0 ? ` at ${checked.problem.path.join(".")}` : ""} ${checked.problem.message}`,
      next: "Pass plain objects, lists, strings, finite numbers, booleans or null.",
    });
  }
  return {
    queue,
    name: secrets.text(name),
    data: secrets.json(checked.value),
    // Told from ids of the host's own by its beginning, so that nobody takes one of those.
    id: `flowforge-${idempotencyKey}${part === undefined ? "" : `-${part}`}`,
    options: jobOptions(request),
  };
}

/** What is no JSON is left to whoever is to store it, and refuses it. */
function withoutSecrets(given: unknown, { secrets, limits }: OutgoingOptions): unknown {
  const checked = checkValue(given, limits);
  return checked.ok ? secrets.json(checked.value) : given;
}

/** What was refused once is refused again, with whatever attempt. */
async function lasting<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!FlowForgeError.is(error) || !REFUSALS.has(error.code)) throw error;
    throw new PermanentError(error.message, { cause: error });
  }
}

const REFUSALS: ReadonlySet<string> = new Set(["option_invalid", "queue_not_allowed", "value_invalid"]);
