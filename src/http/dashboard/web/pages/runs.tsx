/** All runs: found by what is known of them, and told what to do, one page or all that fit. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import type { RunHeader } from "../../../../core/ports/stored-run.ts";
import { type BulkResult, query, send } from "../api.ts";
import { count, counted, moment } from "../format.ts";
import { EVERY_MS, useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useMay } from "../session.ts";
import { useSettled } from "../settled.ts";
import { Ask } from "../ui/dialog.tsx";
import { Page, Shown } from "../ui/page.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { isLabel, RunFilters, type RunSearch } from "./run-filters.tsx";
import { RunTable } from "./run-table.tsx";

const NO_FILTER: RunSearch = { workflow: "", status: [], label: "", error: "", since: "", until: "" };
const PAGE = 50;
/** Errors are searched for without an index, so less often. */
const SEARCH_EVERY_MS = 15_000;

export function Runs(): JSX.Element {
  const [search, setSearch] = useRemembered("search", NO_FILTER);
  const sought = { ...search, label: useSettled(search.label), error: useSettled(search.error) };
  const pages = usePages("runs");
  const parts = filterOf(sought);
  const { label, ...rest } = parts;
  const path = `/runs${query({ ...rest, label, cursor: pages.cursor, limit: PAGE })}`;
  const runs = useLive<ListPage<RunHeader>>(path, parts.error === undefined ? EVERY_MS : SEARCH_EVERY_MS);
  const change = (next: RunSearch): void => {
    setSearch(next);
    pages.first();
  };
  return (
    <Page title="Runs" actions={<FindById />}>
      <RunFilters search={search} onChange={change} />
      <Bulk search={search} sought={sought} onDone={() => runs.refresh()} />
      <Shown of={runs}>
        {({ items, cursor }) => (
          <>
            <RunTable runs={items} label="Runs" />
            <Pager pages={pages} cursor={cursor} />
          </>
        )}
      </Shown>
    </Page>
  );
}

interface Filter {
  readonly workflow?: string;
  readonly status?: readonly string[];
  readonly label?: readonly string[];
  readonly error?: string;
  readonly createdAfter?: string;
  readonly createdBefore?: string;
}

function filterOf({ workflow, status, label, error, since, until }: RunSearch): Filter {
  return {
    ...(workflow === "" ? {} : { workflow }),
    ...(status.length === 0 ? {} : { status }),
    ...(isLabel(label) ? { label: [label] } : {}),
    ...(error.trim() === "" ? {} : { error: error.trim() }),
    ...(since === "" ? {} : { createdAfter: new Date(since).toISOString() }),
    ...(until === "" ? {} : { createdBefore: new Date(until).toISOString() }),
  };
}

function FindById(): JSX.Element {
  const [, go] = useLocation();
  const [id, setId] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    if (id.trim() !== "") go(`/runs/${encodeURIComponent(id.trim())}`);
  };
  return (
    <form class="inline" role="search" onSubmit={submit}>
      <input
        type="search"
        aria-label="Id of a run"
        placeholder="Go to a run by its id"
        value={id}
        onInput={(event) => setId(event.currentTarget.value)}
      />
    </form>
  );
}

const BULK = [
  ["cancel", "Cancel all", "runs.cancelMany"],
  ["pause", "Pause all", "runs.pauseMany"],
  ["resume", "Resume all", "runs.resumeMany"],
] as const;

interface BulkProps {
  /** As it was typed. */
  search: RunSearch;
  /** What the runs on the page were found by. */
  sought: RunSearch;
  onDone: () => void;
}

/**
 * Only with a filter: what is done to all runs at once must be said more clearly than with an empty form. And only with one that is read to its end:
 * without the half of a label that is there, other runs would fit than were meant.
 */
function Bulk({ search, sought, onDone }: BulkProps): JSX.Element | null {
  const may = { cancel: useMay(BULK[0][2]), pause: useMay(BULK[1][2]), resume: useMay(BULK[2][2]) };
  const { label, ...filter } = filterOf(sought);
  const named = label ? { ...filter, labels: labelOf(label[0]!) } : filter;
  const isWhole = search.label.trim() === "" || isLabel(search.label);
  if (Object.keys(named).length === 0 || !isWhole || !Object.values(may).includes(true)) return null;
  const isRead = search.label === sought.label && search.error === sought.error;
  return (
    <div class="bulk" role="group" aria-label="All runs that fit the filter">
      <span class="muted">All that fit:</span>
      {BULK.filter(([verb]) => may[verb]).map(([verb, title]) => (
        <Ask
          key={verb}
          label={title}
          class="small"
          danger={verb === "cancel"}
          ready={isRead}
          question={
            <>
              <p>Every run that fits the filter, on all pages, is told to {verb}:</p>
              <ul class="filter-text">
                {textsOf(sought).map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ul>
            </>
          }
          onYes={async () => {
            const { done, refused } = await send<BulkResult>("POST", `/bulk/runs/${verb}`, {
              body: { filter: named },
            });
            return `${counted(done, "run")} ${done === 1 ? "was" : "were"} told${refused > 0 ? `, ${count(refused)} refused` : ""}.`;
          }}
          onDone={onDone}
        />
      ))}
    </div>
  );
}

/** The filter in words, each part of which a run must fit. */
function textsOf({ workflow, status, label, error, since, until }: RunSearch): readonly string[] {
  const parts = [
    ["workflow", workflow],
    ["status", status.join(" or ")],
    ["label", label],
    ["error with", error.trim()],
    ["created after", since && moment(new Date(since).getTime())],
    ["created before", until && moment(new Date(until).getTime())],
  ] as const;
  return parts.filter(([, value]) => value !== "").map(([name, value]) => `${name} ${value}`);
}

function labelOf(text: string): Record<string, string> {
  return { [text.slice(0, text.indexOf(":"))]: text.slice(text.indexOf(":") + 1) };
}
