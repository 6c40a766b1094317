/**
 * Events of a workspace, and how far each has been handed on: first to the runs that wait for it, then to the triggers that it fires. An
 * event is stored before anything follows from it, and whoever hands it on says after every page how far he is (`advance`). So one whose
 * process dies is handed on by another one; what was done twice by that is done once, because messages and runs have ids that are made of
 * the event's. Part of `Store`; both stores pass the same rules.
 */
import type { Json } from "../json.ts";
import type { Announcement } from "./commit.ts";
import type { TriggerPlace } from "./triggers.ts";

/** How long an event with an id of its publisher's is known, and one of which something was refused. 30 days. */
export const EVENT_KEEP_MS: number = 30 * 24 * 60 * 60 * 1_000;

/** How long any other is: nobody can ask for it twice. 1 hour. */
export const EVENT_SHORT_MS: number = 60 * 60 * 1_000;

/** Refusals of an event that are written down; more are counted. */
export const MOST_REFUSALS = 20;

/** An event is known by these two. */
export interface EventRef {
  readonly workspace: string;
  readonly id: string;
}

export interface NewEvent extends EventRef {
  readonly name: string;
  readonly payload: Json;
  /** Of name and payload: whether an event that comes again is the same. */
  readonly fingerprint: string;
  /** Workflows whose runs led to this event, the oldest first. It starts none of them. */
  readonly chain: readonly string[];
  /** From when it is published on. */
  readonly keepMs: number;
}

/** A trigger that matched, and why it started no run. */
export interface EventRefusal {
  readonly workflow: string;
  /** Id of the trigger node. */
  readonly trigger: string;
  /** Of the error. */
  readonly code: string;
  readonly message: string;
}

/** `waits`: it is handed to runs that wait. `triggers`: all of them have it, and now it starts runs. `done`: all that was to be done. */
export type EventStage = "waits" | "triggers" | "done";

/** How far an event has been handed on. Counts are of everything before that place. */
export interface EventProgress {
  readonly stage: EventStage;
  /** The last run or trigger that has it; `null`: none of this stage. */
  readonly after: string | TriggerPlace | null;
  /** Runs that waited and took it. */
  readonly runs: number;
  /** Runs that had no room for it. */
  readonly full: number;
  /** Runs that it started. */
  readonly started: number;
  readonly refused: number;
  /** The first of them. */
  readonly refusals: readonly EventRefusal[];
  /** How often in a row it could not be handed on from here. */
  readonly failures: number;
}

export interface EventRecord extends Omit<NewEvent, "payload" | "keepMs">, EventProgress {
  readonly publishedAt: number;
  /** One more with every `advance`. */
  readonly rev: number;
}

/** With its payload, which is dropped when it is done: the runs have it. */
export interface EventDetail extends EventRecord {
  readonly payload: Json;
}

export type Publication =
  | { readonly published: true; readonly event: EventDetail }
  /** It was here before. */
  | { readonly published: false; readonly event: EventRecord }
  /** Somebody is just about to publish one of this id, in a transaction that has not ended: ask again. */
  | { readonly published: false; readonly event: null };

export interface EventChange extends EventProgress {
  /** Nobody else finds it for so long. Of no meaning where it is done. */
  readonly holdMs: number;
}

export interface EventFilter {
  readonly workspace: string;
  readonly name?: string;
  /** Only those with refusals. */
  readonly refused?: boolean;
  /** Opaque; from the page before. */
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface EventPage {
  readonly items: readonly EventRecord[];
  readonly cursor: string | null;
}

export interface EventStore {
  /**
   * Stores it for whoever asks, so that nobody else finds it for `holdMs`; of several at once with one id, one is stored. Waits for no
   * transaction of others.
   */
  publish(event: NewEvent, holdMs: number): Promise<Publication>;
  /**
   * Stores events of the engine's own, each where a trigger of its workspace or a run that waits asks for its name. One whose id is there is there
   * already.
   */
  announce(announcements: readonly Announcement[]): Promise<void>;
  /** Those that are not done and that nobody holds, the oldest first. Whoever asks holds them now for `holdMs`. */
  due(options: { readonly holdMs: number; readonly limit: number }): Promise<readonly EventDetail[]>;
  /** Where nobody has since `rev`. `false`: somebody has, or it is gone. One of which something was refused is kept for `EVENT_KEEP_MS`. */
  advance(ref: EventRef, rev: number, change: EventChange): Promise<boolean>;
  /** `null`: there is none. */
  get(ref: EventRef): Promise<EventRecord | null>;
  /** Newest first, by `publishedAt` and then `id`. Rejects a limit or cursor that is none with `option_invalid`. */
  page(filter: EventFilter): Promise<EventPage>;
  /** Deletes those that are done and whose time is over; at most so many, and returns how many. */
  expire(limit: number): Promise<number>;
}
