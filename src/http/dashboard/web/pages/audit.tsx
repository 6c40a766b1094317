/** Who did what, to what, when, and how it went. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { query } from "../api.ts";
import { shortId } from "../format.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useSettled } from "../settled.ts";
import { JsonView } from "../ui/json.tsx";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

export interface AuditEntry {
  readonly id: string;
  readonly at: number;
  readonly actor: string | null;
  readonly action: string;
  readonly kind: string;
  readonly subject: string | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly details: Readonly<Record<string, unknown>> | null;
}

interface Search {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
}

const NO_SEARCH: Search = { actor: "", action: "", subject: "", outcome: "" };
const PAGE = 50;
const OUTCOMES = ["", "done", "failed", "refused", "begun"];
const HEAD = ["When", "Who", "What", "To what", "How it went", "With"];
const TEXTS = [
  ["actor", "Who", "The whole name"],
  ["action", "What", "As runs.cancel"],
  ["subject", "To what", "A whole id or name"],
] as const;

export function Audit(): JSX.Element {
  const [search, setSearch] = useRemembered("search", NO_SEARCH);
  const pages = usePages("audit");
  const sought = {
    actor: useSettled(search.actor.trim()),
    action: useSettled(search.action.trim()),
    subject: useSettled(search.subject.trim()),
    outcome: search.outcome,
  };
  const entries = useLive<ListPage<AuditEntry>>(
    `/audit${query({ ...sought, cursor: pages.cursor, limit: PAGE })}`,
  );
  const change = (part: Partial<Search>): void => {
    setSearch({ ...search, ...part });
    pages.first();
  };
  return (
    <Page title="Audit">
      <Filters search={search} onChange={change} />
      <Shown of={entries}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>
              {Object.values(sought).every((text) => text === "")
                ? "Nobody has done anything over the API yet."
                : "Nobody has done anything like that."}
            </Empty>
          ) : (
            <>
              <AuditTable label="Audit" items={items} />
              <Pager pages={pages} cursor={cursor} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}

interface FiltersProps {
  search: Search;
  onChange: (part: Partial<Search>) => void;
}

function Filters({ search, onChange }: FiltersProps): JSX.Element {
  return (
    <form class="filters" role="search" aria-label="Audit" onSubmit={(event) => event.preventDefault()}>
      {TEXTS.map(([name, title, example]) => (
        <label key={name}>
          {title}
          <input
            type="search"
            placeholder={example}
            value={search[name]}
            onInput={(event) => onChange({ [name]: event.currentTarget.value })}
          />
        </label>
      ))}
      <label>
        How it went
        <select value={search.outcome} onChange={(event) => onChange({ outcome: event.currentTarget.value })}>
          {OUTCOMES.map((each) => (
            <option key={each} value={each}>
              {each === "" ? "all" : each}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}

export function AuditTable({ label, items }: { label: string; items: readonly AuditEntry[] }): JSX.Element {
  return (
    <Table label={label} head={HEAD}>
      {items.map((entry) => (
        <Row key={entry.id} entry={entry} />
      ))}
    </Table>
  );
}

function Row({ entry }: { entry: AuditEntry }): JSX.Element {
  const { at, actor, action, kind, subject, outcome, code, details } = entry;
  return (
    <tr>
      <td>
        <Ago at={at} />
      </td>
      <td>{actor ?? <span class="muted">nobody knows</span>}</td>
      <td>
        <code>{action}</code>
      </td>
      <td>
        {kind} <Subject kind={kind} subject={subject} />
      </td>
      <td>
        <Status value={outcome} />
        {code !== null && (
          <div>
            <code>{code}</code>
          </div>
        )}
      </td>
      <td>
        {details !== null && Object.keys(details).length > 0 && (
          <details>
            <summary>Details</summary>
            <JsonView value={details} label={`Details of ${action}`} />
          </details>
        )}
      </td>
    </tr>
  );
}

function Subject({ kind, subject }: Pick<AuditEntry, "kind" | "subject">): JSX.Element | null {
  if (subject === null) return null;
  if (kind === "run")
    return (
      <Link href={`/runs/${encodeURIComponent(subject)}`} class="id" title={subject}>
        {shortId(subject)}
      </Link>
    );
  if (kind === "workflow") return <Link href={`/workflows/${encodeURIComponent(subject)}`}>{subject}</Link>;
  return <code>{subject}</code>;
}
