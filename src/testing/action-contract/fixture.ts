/** What the action contract needs to know of an action: examples of what it takes and does, and the other side of its effect. */
import type { Action, FailureMeaning, GrantedCredential } from "../../core/definition/action.ts";
import type { Json } from "../../core/json.ts";
import type { SqlTransaction } from "../../core/ports/transactions.ts";
import type { OutboundOptions } from "../../security/outbound/rules.ts";
import type { Outgoing } from "../../worker/outgoing.ts";

/** An input, as a workflow passes it, and what the node grants with it. */
export interface ActionExample {
  /** Stands in the message of a test that fails. */
  readonly title: string;
  readonly input: Json;
  /** By name. Default: none. */
  readonly credentials?: { readonly [name: string]: GrantedCredential };
}

export interface ActionSuccess extends ActionExample {
  /** What is stored. Not given: whatever the action's output schema takes. */
  readonly output?: Json;
}

export interface ActionFailure extends ActionExample {
  /** `notYet`: it wants to look again later. */
  readonly meaning: FailureMeaning | "notYet";
  /** Brings the other side into the state in which it fails so. */
  readonly arrange?: () => void | Promise<void>;
}

/** A transaction on the database to which a `transactional` action writes. */
export interface FixtureTransaction {
  readonly tx: SqlTransaction;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

export interface ActionFixture {
  readonly action: Action;
  /** At least one. The first is also what is repeated, stopped and refused its credentials. */
  readonly successes: readonly ActionSuccess[];
  /** Inputs that the action's schema must refuse. At least one, but where it has no input schema. */
  readonly refused?: readonly ActionExample[];
  readonly failures?: readonly ActionFailure[];
  /** One with which the action is busy for more than 10 seconds, unless it is told to stop. For actions that can be. */
  readonly slow?: ActionExample;
  /** How often the effect has happened, as the other side counts it. Required, but by `readonly` actions without another side. */
  readonly effects?: () => number | Promise<number>;
  /** Required by `transactional` actions. */
  readonly begin?: () => Promise<FixtureTransaction>;
  /** What `ctx.fetch` may call, as the option `http` of an engine: a server of the test is on a private address. */
  readonly http?: OutboundOptions;
  /**
   * What takes that which `ctx.publish` and `ctx.addJob` send, as an engine would. Default: it takes everything, no run waits for it, and
   * every queue is allowed.
   */
  readonly outgoing?: Partial<Outgoing>;
  dispose?(): void | Promise<void>;
}

/** Called once for each test. */
export type ActionFactory = () => ActionFixture | Promise<ActionFixture>;
