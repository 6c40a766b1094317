/** What is due when: the schedules of triggers, and those that were set by a call. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { part, query, send } from "../api.ts";
import { duration, shortId } from "../format.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { IN_ORDER, Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";
import { attempt } from "../ui/toast.tsx";

interface Schedule {
  readonly workflow: string;
  /** `null`: it was set under a name. */
  readonly trigger: string | null;
  readonly name: string | null;
  readonly source: {
    readonly cron?: string;
    readonly timeZone?: string;
    readonly every?: string | number;
    readonly at?: string;
  };
  readonly paused: boolean;
  readonly nextAt: number | null;
  readonly lastRun: string | null;
  readonly lastAt: number | null;
  readonly lastError: string | null;
}

const PAGE = 50;
const HEAD = ["Workflow", "Due", "State", "Next", "Last run"];
const ACTIONS = ["schedules.pause", "schedules.resume", "schedules.trigger", "schedules.delete"];

export function Schedules(): JSX.Element {
  const pages = usePages("schedules");
  const schedules = useLive<ListPage<Schedule>>(`/schedules${query({ cursor: pages.cursor, limit: PAGE })}`);
  return (
    <Page title="Schedules">
      <Shown of={schedules}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>Nothing is started by the clock.</Empty>
          ) : (
            <>
              <Table label="Schedules" head={HEAD} actions={ACTIONS}>
                {items.map((schedule) => (
                  <Row key={pathOf(schedule)} schedule={schedule} onDone={() => schedules.refresh()} />
                ))}
              </Table>
              <Pager pages={pages} cursor={cursor} words={IN_ORDER} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}

/** A schedule that was set under a name is known by `@` and the name, another one by its trigger. */
function pathOf({ workflow, trigger, name }: Schedule): string {
  return `/schedules/${part(workflow)}/${part(trigger ?? `@${name}`)}`;
}

interface RowProps {
  schedule: Schedule;
  onDone: () => void;
}

function Row({ schedule, onDone }: RowProps): JSX.Element {
  const { workflow, trigger, name, source, paused, nextAt, lastRun, lastAt, lastError } = schedule;
  return (
    <tr>
      <td>
        <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>
        <div class="muted">{trigger ?? name}</div>
      </td>
      <td>
        <code>{textOf(source)}</code>
        {source.timeZone && <div class="muted">{source.timeZone}</div>}
      </td>
      <td>
        <Status value={paused ? "paused" : "enabled"} />
      </td>
      <td>
        <Ago at={paused ? null : nextAt} />
      </td>
      <td class="wide">
        {lastRun === null ? (
          <span class="muted">none yet</span>
        ) : (
          <>
            <Link href={`/runs/${lastRun}`} class="id" title={lastRun}>
              {shortId(lastRun)}
            </Link>{" "}
            <Ago at={lastAt} />
          </>
        )}
        {lastError !== null && <div class="trouble">{lastError}</div>}
      </td>
      <td>
        <Actions schedule={schedule} onDone={onDone} />
      </td>
    </tr>
  );
}

function textOf({ cron, every, at }: Schedule["source"]): string {
  if (cron !== undefined) return cron;
  if (every !== undefined) return `every ${typeof every === "number" ? duration(every) : every}`;
  return `once, ${at}`;
}

function Actions({ schedule, onDone }: RowProps): JSX.Element {
  const may = {
    pause: useMay("schedules.pause"),
    resume: useMay("schedules.resume"),
    trigger: useMay("schedules.trigger"),
    delete: useMay("schedules.delete"),
  };
  const path = pathOf(schedule);
  const tell = async (verb: "pause" | "resume" | "trigger", said: string): Promise<string> => {
    await send("POST", `${path}/${verb}`);
    return said;
  };
  const atOnce = (verb: "pause" | "resume", said: string): void =>
    void attempt(() => tell(verb, said), onDone);
  return (
    <span class="actions">
      {!schedule.paused && may.pause && (
        <button
          type="button"
          class="small"
          onClick={() => atOnce("pause", "Nothing is due until it is resumed.")}
        >
          Pause
        </button>
      )}
      {schedule.paused && may.resume && (
        <button
          type="button"
          class="small"
          onClick={() => atOnce("resume", "It goes on with its next time.")}
        >
          Resume
        </button>
      )}
      {may.trigger && (
        <Ask
          label="Start now"
          class="small"
          question={`A run of ${schedule.workflow} is started as if it were due now.`}
          onYes={() => tell("trigger", "A run was started.")}
          onDone={onDone}
        />
      )}
      {schedule.name !== null && may.delete && (
        <Ask
          label="Delete"
          class="small"
          danger
          question="Nothing is due by it any more. Its runs go on."
          onYes={async () => {
            await send("DELETE", path);
            return "The schedule is deleted.";
          }}
          onDone={onDone}
        />
      )}
    </span>
  );
}
