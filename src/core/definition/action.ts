/** Actions: host code with a name, an input schema and an output schema. */
import type { z, ZodType } from "zod";
import type { Json } from "../json.ts";
import type { Logger } from "../ports/logger.ts";
import type { SqlTransaction } from "../ports/transactions.ts";
import { didYouMean } from "../suggestion.ts";
import { checkCredentials, invalid, isListOfTexts, isTarget, show } from "./action-fields.ts";
import type { Duration, RetryDocument } from "./document.ts";
import { parseDuration } from "./duration.ts";
import { fits, LANE, NAME } from "./names.ts";
import type { OutboundConnect, OutboundFetch } from "./outbound.ts";
import type { AddJob, PublishEvent } from "./outgoing.ts";
import { parseRetry } from "./retry.ts";

/**
 * What may happen when nobody knows whether an attempt took effect (a crash, a timeout, a broken connection).
 * `idempotent`: the same key and input are sent again. `verifiable`: `verify` is asked first. `readonly`: runs again.
 * `atMostOnce`: never again, dead letter `outcome_unknown`; also after errors that do not say what became of the request, so that
 * another attempt follows only on a definite answer, a connection that did not come about, or a `RetryableError`.
 * `transactional`: it runs again, because nothing of it has happened: what it writes with `ctx.tx` and its result are one transaction.
 * Not declared: runs again, and the node run is flagged `possiblyDuplicated`.
 */
export type EffectKind = "idempotent" | "verifiable" | "readonly" | "atMostOnce" | "transactional";

/**
 * `idempotent`, where the receiver remembers keys for another time than 24 hours, from their first use. After that a redrive with the old
 * key is refused unless it says `force: true`. At least 1 second.
 */
export interface IdempotentEffect {
  readonly kind: "idempotent";
  readonly keyLifetime: Duration;
}

/**
 * What `verify` found out about the earlier attempts of a node run. `happened`: the node succeeds with this output, and `run` is not
 * called again. `didNotHappen`: it is called. `unknown`: nobody can tell; a dead letter `outcome_unknown` for a person to resolve.
 */
export type Verification<Output> =
  | { readonly outcome: "happened"; readonly output: Output }
  | { readonly outcome: "didNotHappen" }
  | { readonly outcome: "unknown" };

export interface ActionContext<Input> {
  readonly input: Input;
  /** The same on every attempt of a node run; another per item and per deliberate rerun. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborted when the attempt times out, the run is cancelled, or the worker must give the node up. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * `fetch` for addresses that come from a workflow or from whoever it serves. Only public addresses are called, after every
   * redirect too; time and size are limited. The engine's option `http` says what else is allowed. What is refused ends the attempt
   * for good. Bodies are sent whole, never as streams.
   */
  readonly fetch: OutboundFetch;
  /**
   * A TCP connection for other protocols than HTTP, to the same addresses as `fetch`, within the same time. What is refused ends the
   * attempt for good, with the same codes. Whoever opens it closes it.
   */
  readonly connect: OutboundConnect;
  /**
   * Runs code of somebody who is not trusted, as `code.run` does: in a process without environment, files or network, within limits of the
   * engine's option `sandbox`. Needs `quickjs-emscripten-core` and `@jitl/quickjs-wasmfile-release-sync`.
   *
   * Gives the JSON that the code returned. Throws `PermanentError`, whose cause has the code `code_failed`, `code_timeout`,
   * `code_out_of_memory`, `code_output_invalid`, `code_input_too_large`, `code_crashed` or `sandbox_missing`; `RetryableError` with
   * `sandbox_failed`; and the reason of the signal.
   */
  readonly runCode: RunCode;
  /**
   * Publishes an event of the run's workspace, as `engine.publish` does; secrets that the attempt knows are taken out of its payload.
   * What reaches runs and starts them is stored before this resolves. Where the attempt is repeated, so is the call: with the same
   * `id` the event is the same one.
   *
   * Throws `PermanentError` for a name or an `id` that none can have, and a payload that is no JSON or too large.
   */
  readonly publish: PublishEvent;
  /**
   * Adds a job to a BullMQ queue of the host, one that the engine's option `queues` allows; secrets that the attempt knows are taken out of
   * its data. Resolves when it is stored. Its id is made of the attempt's idempotency key and its `part`: while a job of that id is there, in
   * whatever state, a repeated attempt adds no other. Throws `PermanentError` for what is not allowed, no request, no JSON or too large.
   */
  readonly addJob: AddJob;
  /**
   * A credential of the run's workspace that the node's `credentials` names. Its values are taken out of whatever the attempt leaves
   * behind: output, error, steps, lines of `logger`. Ends the attempt for good (`credential_not_granted`, `credential_not_found`)
   * where the node may not use it or there is none.
   */
  credential(name: string): Promise<GrantedCredential>;
  /**
   * From now on this text too is taken out of whatever the attempt leaves behind, as the values of credentials are: a token that was
   * got by a credential, a key that came in an answer. Less than 6 characters are left as they are.
   */
  redact(secret: string): void;
  /**
   * Only in actions with `effect: "transactional"`; elsewhere its statements reject. A transaction on the engine's own database, which
   * is committed together with the result, or rolled back: after a failure, a timeout, or where the node run is another's by now.
   * `step` and `checkpoint` are part of it too. Keep it short: at most 5 are open at once in a process, the others wait, and one in
   * which no statement is sent for 60 seconds is ended. Calls to others (`fetch`) are no part of it.
   */
  readonly tx: SqlTransaction;
  /**
   * Runs a part of a long action once: what it returns is stored, and a later attempt gets it without running the part again. A
   * crash between the end of a part and its record runs it again, so each part is as careful as the action's `effect` says. The name
   * is 1 to 200 characters and used once in an attempt; the value is JSON, `undefined` is stored as `null`.
   *
   * Throws what the part throws, `PermanentError` (a bad or repeated name, a value that is no JSON or too large) and
   * `attempt_outdated` (the node run is another's by now).
   */
  step<T>(name: string, part: () => Promise<T> | T): Promise<T>;
  /** Stores how far the action has come, over what it stored before. For loops: a cursor, the last id. Throws as `step` does. */
  checkpoint(value: unknown): Promise<void>;
  /** What `checkpoint` stored last, in this attempt or in one before; `null`: nothing. */
  lastCheckpoint(): Promise<Json>;
  readonly run: {
    readonly id: string;
    readonly workflow: string;
    readonly workspace: string;
    readonly version: number;
  };
  readonly node: { readonly id: string; readonly item: number };
}

/**
 * What an error means. `retry`: it had no effect, and another attempt may succeed. `permanent`: another attempt would fail in the
 * same way. `unknown`: it may have taken effect, and nobody knows; the action's effect class says what follows.
 */
export type FailureMeaning = "retry" | "permanent" | "unknown";

/** The class of an attempt that does no harm when it is repeated; `undefined`: as `effect` says. */
export type HarmlessEffect = "readonly" | "idempotent" | undefined;

/** What `ctx.runCode` runs. The engine's option `sandbox` bounds all of it; the limits here can only be less. */
export interface CodeRequest {
  /** The body of an async function of `input`, in strict mode, with `fetch` and `console`: `return input.a + 1`. */
  readonly code: string;
  /** JSON. Default `null`. */
  readonly input?: unknown;
  /** What answers the code's calls of `fetch`: that of the context, or a narrower one. Default: it may call nobody. */
  readonly fetch?: OutboundFetch | null | undefined;
  /** Ends it when aborted. */
  readonly signal?: AbortSignal;
  /** How long the code may compute. */
  readonly cpuMs?: number | undefined;
  /** From its beginning to its end, with the time in which it waits for answers. */
  readonly timeoutMs?: number | undefined;
  readonly memoryBytes?: number | undefined;
}

export type RunCode = (request: CodeRequest) => Promise<Json>;

/** What an action gets of a credential. */
export interface GrantedCredential {
  readonly fields: { readonly [field: string]: string };
  /** Hosts that it may be sent to, for `fetch(url, { allowHosts })`; `null`: any. */
  readonly allowHosts: readonly string[] | null;
}

/** What an action has beside its name, its schemas and its code. */
export interface ActionSettings {
  readonly description?: string;
  /** Not declared: see `EffectKind`. */
  readonly effect?: EffectKind | IdempotentEffect;
  /** Per attempt. Default 5m. */
  readonly timeout?: Duration;
  /** Default: the workflow's, then the engine's. */
  readonly retry?: RetryDocument;
  /** Of nodes that name none: only workers of this lane take them. Default: that of the workflow, then `default`. */
  readonly lane?: string;
  /**
   * Names of all the credentials that the action asks for; a node must grant them, and no other is given to it. Not declared: those
   * that its input names, and whatever the node grants.
   */
  readonly credentials?: readonly string[];
  /**
   * Fields of the input that a node writes as they are, without `{{ }}`: a statement, code. What a run brings along is never a part of them:
   * such a definition has an issue, and such an attempt fails. Not declared: none.
   */
  readonly constants?: readonly string[];
}

/** What an action without an input schema gets. */
export type AnyInput = ZodType<Json, Json>;
/** What an action without an output schema may return: whatever is JSON. `undefined` is stored as `null`. */
export type AnyOutput = ZodType<Json, unknown>;

/** What `defineAction` takes. `InputSchema` and `OutputSchema` are inferred. */
export interface ActionDefinition<
  InputSchema extends ZodType = AnyInput,
  OutputSchema extends ZodType = AnyOutput,
> extends ActionSettings {
  /** `namespace.verb`: letters, digits, `.`, `-`, `_`, `/`; at most 128 characters. */
  readonly name: string;
  /** None: any JSON. What the action gets is the parsed value. */
  readonly input?: InputSchema;
  /** None: any JSON. What is stored, and what other nodes read, is the parsed value. */
  readonly output?: OutputSchema;
  /**
   * For an action whose class depends on what it is given, as that of an HTTP request on its method. Asked with the parsed input when an
   * attempt has failed; not where the whole worker was lost: then `effect` holds.
   */
  effectOf?(input: z.output<InputSchema>): HarmlessEffect;
  /**
   * What the action talks to: attempts with the same target share a circuit breaker, where the engine has the option `breakers`. A name, as
   * `"stripe"`; a function that says it for an input, as `({ url }) => new URL(url).host`, which must not throw; `null`, or a function that
   * answers `null`: nothing that could be down. 1 to 200 characters. Default: the name of the action.
   */
  readonly target?: string | null | ((input: z.output<InputSchema>) => string | null);
  /**
   * Says what an error of `run` means, where the action knows more than its status or code tells: `retry` (it had no effect; again),
   * `permanent` (another attempt would fail in the same way) or `unknown` (it may have taken effect). `undefined`: as FlowForge reads
   * it. Not asked about `PermanentError`, `RetryableError` and `NotYet`, nor about a timeout. What it throws is logged, and nothing else.
   */
  classify?(error: unknown): FailureMeaning | undefined;
  run(context: ActionContext<z.output<InputSchema>>): Promise<z.input<OutputSchema>> | z.input<OutputSchema>;
  /**
   * Only with `effect: "verifiable"`, and required there: says whether an earlier attempt took effect. Called before every attempt but
   * the first of a node run, with the same input and `idempotencyKey` and within the same `timeout`. What it throws is tried again
   * like a failed attempt; a `PermanentError` means `unknown`.
   */
  verify?(
    context: ActionContext<z.output<InputSchema>>,
  ): Promise<Verification<z.input<OutputSchema>>> | Verification<z.input<OutputSchema>>;
}

declare const SEEN_FROM_OUTSIDE: unique symbol;

/**
 * An action as the registry holds it. `defineAction` makes one. `Input` and `Output` are what its code gets and returns; `Given` is what
 * a workflow passes to it and `Seen` what other nodes read, which differ where a schema transforms.
 */
export interface Action<
  Input = unknown,
  Output = unknown,
  Given = Input,
  Seen = Output,
> extends ActionSettings {
  readonly kind: "flowforge.action";
  readonly name: string;
  readonly input?: ZodType;
  readonly output?: ZodType;
  effectOf?(input: Input): HarmlessEffect;
  readonly target?: string | null | { bivarianceHack(input: Input): string | null }["bivarianceHack"];
  classify?(error: unknown): FailureMeaning | undefined;
  run(context: ActionContext<Input>): Promise<Output> | Output;
  verify?(context: ActionContext<Input>): Promise<Verification<Output>> | Verification<Output>;
  /** For types only: there is no such member. */
  readonly [SEEN_FROM_OUTSIDE]?: { readonly given: Given; readonly seen: Seen };
}

/** The action that an `ActionDefinition` of these schemas makes. */
export type ActionOf<InputSchema extends ZodType, OutputSchema extends ZodType> = Action<
  z.output<InputSchema>,
  z.input<OutputSchema>,
  z.input<InputSchema>,
  z.output<OutputSchema>
>;

const FIELDS = [
  "name",
  "description",
  "input",
  "output",
  "effect",
  "effectOf",
  "timeout",
  "retry",
  "lane",
  "credentials",
  "constants",
  "target",
  "classify",
  "run",
  "verify",
];
const EFFECTS: ReadonlySet<unknown> = new Set<EffectKind>([
  "idempotent",
  "verifiable",
  "readonly",
  "atMostOnce",
  "transactional",
]);

/**
 * Makes an action out of a name, schemas and a function. Use it once per action, at the top of a module, and pass the result to
 * `createEngine({ actions })` and to the builder of `defineWorkflow`.
 *
 * Throws `option_invalid` (name, schemas, effect, lane, credentials, limits of `retry`, unknown fields) and `duration_invalid` (`timeout`, `retry.backoff`).
 */
export function defineAction<
  InputSchema extends ZodType = AnyInput,
  OutputSchema extends ZodType = AnyOutput,
>(definition: ActionDefinition<InputSchema, OutputSchema>): ActionOf<InputSchema, OutputSchema> {
  const name: unknown = definition.name;
  if (typeof name !== "string" || !fits(NAME, name)) {
    throw invalid("defineAction({ name })", {
      expected: `a name of ${NAME.words}`,
      received: show(name),
    });
  }
  return makeAction(definition, name);
}

/** The same under a name that is not given by the host. */
export function makeAction<InputSchema extends ZodType, OutputSchema extends ZodType>(
  definition: Omit<ActionDefinition<InputSchema, OutputSchema>, "name">,
  name: string,
): ActionOf<InputSchema, OutputSchema> {
  checkDefinition(definition, `action "${name}"`);
  return Object.freeze({ ...definition, kind: "flowforge.action" as const, name });
}

function checkDefinition(definition: object, subject: string): void {
  const {
    input,
    output,
    effect,
    effectOf,
    target,
    timeout,
    retry,
    lane,
    credentials,
    constants,
    classify,
    run,
    verify,
  } = definition as Record<string, unknown>;
  const unknown = Object.keys(definition).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    const received = `\`${unknown}\`.${didYouMean(unknown, FIELDS)}`;
    throw invalid(subject, {
      expected: `the fields ${FIELDS.join(", ")}`,
      received: received.replace(/\.$/, ""),
    });
  }
  for (const [field, schema] of Object.entries({ input, output })) {
    if (schema !== undefined && !isSchema(schema)) {
      throw invalid(`${subject}, ${field}`, { expected: "a schema of zod 4", received: show(schema) });
    }
  }
  if (effect !== undefined && !EFFECTS.has(effect)) parseKeyLifetime(effect, `${subject}, effect`);
  for (const [field, hook] of Object.entries({ run, effectOf: effectOf ?? run, classify: classify ?? run })) {
    if (typeof hook !== "function")
      throw invalid(`${subject}, ${field}`, { expected: "a function", received: show(hook) });
  }
  if ((effect === "verifiable") !== (typeof verify === "function")) {
    throw invalid(`${subject}, verify`, {
      expected: 'a function where `effect` is "verifiable", and nothing elsewhere',
      received: show(verify),
    });
  }
  if (!isTarget(target))
    throw invalid(`${subject}, target`, { expected: "a text, a function or null", received: show(target) });
  if (timeout !== undefined) parseDuration(timeout as Duration, `${subject}, timeout`);
  if (retry !== undefined) parseRetry(retry as RetryDocument, `${subject}, retry`);
  if (lane !== undefined && !(typeof lane === "string" && fits(LANE, lane)))
    throw invalid(`${subject}, lane`, { expected: LANE.words, received: show(lane) });
  if (credentials !== undefined) checkCredentials(credentials, `${subject}, credentials`);
  if (constants !== undefined && !isListOfTexts(constants))
    throw invalid(`${subject}, constants`, { expected: "a list of fields", received: show(constants) });
}

/** Milliseconds of the long form of `effect`. Throws for what is neither that nor a class. */
export function parseKeyLifetime(effect: unknown, subject: string): number {
  const { kind, keyLifetime, ...rest } = Object(effect) as Partial<IdempotentEffect>;
  if (kind !== "idempotent" || keyLifetime === undefined || Object.keys(rest).length > 0) {
    const expected = `${[...EFFECTS].join(", ")}, or { kind: "idempotent", keyLifetime }`;
    throw invalid(subject, { expected, received: show(effect) });
  }
  const ms = parseDuration(keyLifetime, `${subject}, keyLifetime`);
  if (ms >= 1_000) return ms;
  throw invalid(`${subject}, keyLifetime`, { expected: "at least 1 second", received: show(keyLifetime) });
}

/** Not `instanceof`: the host may have another copy of zod. */
export function isSchema(value: unknown): value is ZodType {
  return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}
