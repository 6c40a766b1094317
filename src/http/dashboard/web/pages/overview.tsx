/** How things stand, and how they went. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { query } from "../api.ts";
import { now } from "../clock.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useMay, useSession } from "../session.ts";
import type { Stats } from "../stats.ts";
import { Chips } from "../ui/chips.tsx";
import { Page, Panel, Shown } from "../ui/page.tsx";
import { Figures } from "./figures.tsx";
import { StuckRuns } from "./stuck-runs.tsx";
import { RunTable } from "./run-table.tsx";

const HOUR_MS = 3_600_000;
const RANGES = [
  ["1 hour", HOUR_MS, "1m"],
  ["24 hours", 24 * HOUR_MS, "15m"],
  ["7 days", 7 * 24 * HOUR_MS, "2h"],
  ["30 days", 30 * 24 * HOUR_MS, "8h"],
] as const;
const NEWEST = 8;
const ROUND_MS = 60_000;

export function Overview(): JSX.Element {
  const [chosen, setChosen] = useRemembered<string>("range", RANGES[0][0]);
  const range = RANGES.find(([name]) => name === chosen) ?? RANGES[0];
  const [wantsAll, setAll] = useRemembered("all", false);
  const may = { own: useMay("stats"), all: useMay("stats.all") };
  const all = wantsAll && may.all;
  const stats = useStats(range, all ? "/stats/all" : may.own ? "/stats" : null);
  const actions = (
    <>
      {may.all && <Whose all={all} onChange={setAll} />}
      <Chips
        label="Time that is shown"
        names={RANGES.map(([name]) => name)}
        chosen={range[0]}
        onChoose={setChosen}
      />
    </>
  );
  return (
    <Page title="Overview" actions={actions}>
      {!all && stats.data !== undefined && stats.data.now.stuck > 0 && <StuckRuns />}
      {(all || may.own) && (
        <Shown of={stats}>{(data) => <Figures stats={data} range={range[0]} all={all} />}</Shown>
      )}
      {!all && <NewestRuns />}
    </Page>
  );
}

interface StatsLive {
  readonly data: Stats | undefined;
  readonly error: Error | undefined;
  refresh(): void;
}

/** What came last stays on the page while the next minute's is asked for. */
function useStats([, lengthMs, step]: (typeof RANGES)[number], path: string | null): StatsLive {
  // Rounded, so that the address, and with it what is asked for again, stays the same for a minute.
  const since = new Date(Math.floor(now.peek() / ROUND_MS) * ROUND_MS - lengthMs).toISOString();
  const stats = useLive<Stats>(path === null ? null : path + query({ since, step }));
  const [last, setLast] = useState<{ path: string | null; data: Stats } | null>(null);
  if (stats.data && stats.data !== last?.data) setLast({ path, data: stats.data });
  return { ...stats, data: stats.data ?? (last?.path === path ? last.data : undefined) };
}

function Whose({ all, onChange }: { all: boolean; onChange: (all: boolean) => void }): JSX.Element {
  const { workspace } = useSession();
  const names = [workspace, "All workspaces"];
  return (
    <Chips
      label="Whose work is shown"
      names={names}
      chosen={names[all ? 1 : 0]!}
      onChoose={(name) => onChange(name !== workspace)}
    />
  );
}

function NewestRuns(): JSX.Element {
  const runs = useLive<ListPage<RunHeader>>(`/runs${query({ limit: NEWEST })}`);
  return (
    <Panel title="Newest runs">
      <Shown of={runs}>{({ items }) => <RunTable runs={items} label="Newest runs" />}</Shown>
    </Panel>
  );
}
