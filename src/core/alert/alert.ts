/**
 * Alerts: what somebody should look at, in one form, so that one workflow can pass all of them on by mail or webhook. An alert is an event of its
 * workspace, and starts no workflow that has led to what it tells: an alarm that fails rings no alarm.
 */
import type { OwnEvent } from "../definition/own-events.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Announcement } from "../ports/commit.ts";

export const ALERTS = ["dead_letter", "run_stuck", "breaker_opened", "schedule_missed"] as const;

export type AlertKind = (typeof ALERTS)[number];

export interface Alert {
  readonly what: AlertKind;
  readonly workspace: string;
  /** One line, at most 200 characters: the subject of a mail, say. */
  readonly subject: string;
  /** `null`: it is of no workflow. */
  readonly workflow: string | null;
  readonly runId: string | null;
  readonly node: string | null;
  /** Where the dashboard shows it: to be put behind the dashboard's address. */
  readonly link: string;
  /** What else is known. */
  readonly details: JsonObject;
}

/** What makes an alert; its subject and link follow from it. */
export type AlertFacts = Pick<Alert, "what" | "workspace" | "details"> & {
  readonly workflow?: string;
  readonly runId?: string;
  readonly node?: string | null;
};

const MOST_SUBJECT = 200;

export function alertOf(facts: AlertFacts): Alert {
  const { what, workspace, details, workflow = null, runId = null, node = null } = facts;
  const subject = oneLine(`FlowForge: ${SUBJECTS[what]({ ...facts, workflow, node })}`);
  return { what, workspace, subject, workflow, runId, node, link: linkOf(what, runId), details };
}

/** `id`: that of the event which it is about, so that it is there once. */
export function alertEvent(alert: Alert, { id, chain }: Pick<Announcement, "id" | "chain">): Announcement {
  const { workspace, ...payload } = alert;
  const name = "flowforge.alert" satisfies OwnEvent;
  return { workspace, id: `flowforge.alert/${id}`, name, payload, chain };
}

interface Named extends Pick<Alert, "workflow" | "node" | "details"> {}

const SUBJECTS: { readonly [Kind in AlertKind]: (of: Named) => string } = {
  dead_letter: ({ workflow, node, details }) =>
    `${node} of ${workflow} gave up: ${text((details["error"] as JsonObject | null)?.["message"])}`,
  run_stuck: ({ workflow, node, details }) =>
    `a run of ${workflow} is stuck${node === null ? "" : ` at ${node}`}: ${text(details["reason"])}`,
  breaker_opened: ({ details }) =>
    `the breaker of ${text(details["scope"])} ${text(details["name"])} has opened`,
  schedule_missed: ({ workflow, node }) => `ticks of ${node} of ${workflow} were missed`,
};

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "unknown";
}

function oneLine(subject: string): string {
  const line = subject.replaceAll(/\s+/g, " ").trim();
  return line.length <= MOST_SUBJECT ? line : `${line.slice(0, MOST_SUBJECT - 1).toWellFormed()}…`;
}

function linkOf(what: AlertKind, runId: string | null): string {
  if (runId !== null) return `#/runs/${encodeURIComponent(runId)}`;
  return what === "schedule_missed" ? "#/schedules" : "#/";
}
