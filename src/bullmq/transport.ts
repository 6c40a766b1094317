/**
 * What differs between BullMQ on Redis and BullMQ on PostgreSQL: connections, names, and the three questions that BullMQ itself
 * answers too slowly or not at all. Everything else is one adapter.
 */
import type { BackendFactory, IQueueBackend } from "bullmq";
import type { LaneDepth } from "../core/ports/scheduler.ts";

export type Factory = BackendFactory<IQueueBackend, object>;

/** The connections of one consumer. They are its own, so that a consumer can be thrown away with all it holds. */
export interface ConsumerConnections {
  readonly factory: Factory;
  /** Resolves when the server answers. */
  ping(): Promise<unknown>;
  /** At once, without a word to the server. */
  drop(): Promise<void>;
}

export interface Transport {
  /** `host:port`, never a password. */
  readonly target: string;
  /** Connects, checks the server and sets it up. */
  open(): Promise<void>;
  /** BullMQ's key prefix. */
  readonly prefix: string;
  queueName(lane: string): string;
  /** For producers; all of them share one connection, which `close` closes. */
  readonly producer: Factory;
  consumer(onError: (error: unknown) => void): ConsumerConnections;
  depth(lane: string): Promise<LaneDepth>;
  /** `true`: the mark was there. `false`: it was not, and is now; with it whatever else of the queue was gone and can be made. */
  mark(): Promise<boolean>;
  /** The catalogue's error for a question that the queue did not answer; as a rule because it is away. */
  unreachable(cause: unknown): Error;
  close(): Promise<void>;
}

/** The connection of those who only add. */
export interface Producer {
  /** BullMQ's key prefix. On PostgreSQL it has no meaning. */
  readonly prefix: string;
  readonly factory: Factory;
  /** Connects and checks the server. */
  open(): Promise<void>;
  /** The error to throw for a question that was not answered, or was refused. */
  refused(cause: unknown): unknown;
  close(): Promise<void>;
}
