/** What runs are looked for by. */
import type { JSX } from "preact";
import type { ListedWorkflow } from "../../../../core/ports/store.ts";
import { useLive } from "../live.ts";

export interface RunSearch {
  readonly workflow: string;
  readonly status: readonly string[];
  /** `name:value`. */
  readonly label: string;
  /** Text of an error. */
  readonly error: string;
  /** As a field for date and time gives it. */
  readonly since: string;
  readonly until: string;
}

/** Whether it can be looked for: a name, and after the colon its value. */
export function isLabel(text: string): boolean {
  return /^[^:]{1,64}:/.test(text);
}

const STATUSES = [
  "running",
  "waiting",
  "queued",
  "paused",
  "failed",
  "cancelling",
  "compensating",
  "succeeded",
  "cancelled",
];
const RARELY_MS = 30_000;

interface FiltersProps {
  search: RunSearch;
  onChange: (search: RunSearch) => void;
}

export function RunFilters({ search, onChange }: FiltersProps): JSX.Element {
  const { data } = useLive<{ items: readonly ListedWorkflow[] }>("/workflows", RARELY_MS);
  return (
    <form class="filters" role="search" aria-label="Runs" onSubmit={(event) => event.preventDefault()}>
      <label>
        Workflow
        <select
          value={search.workflow}
          onChange={(event) => onChange({ ...search, workflow: event.currentTarget.value })}
        >
          <option value="">All</option>
          {data?.items.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Label
        <input
          type="search"
          placeholder="name:value"
          maxLength={400}
          value={search.label}
          aria-invalid={search.label !== "" && !isLabel(search.label)}
          onInput={(event) => onChange({ ...search, label: event.currentTarget.value })}
        />
        {search.label !== "" && !isLabel(search.label) && <small class="warn">as name:value</small>}
      </label>
      <label>
        Error
        <input
          type="search"
          placeholder="Text, class or code"
          maxLength={200}
          value={search.error}
          onInput={(event) => onChange({ ...search, error: event.currentTarget.value })}
        />
      </label>
      <Moment
        title="Created after"
        value={search.since}
        onInput={(since) => onChange({ ...search, since })}
      />
      <Moment
        title="Created before"
        value={search.until}
        onInput={(until) => onChange({ ...search, until })}
      />
      <Statuses search={search} onChange={onChange} />
    </form>
  );
}

function Statuses({ search, onChange }: FiltersProps): JSX.Element {
  const toggle = (status: string): void =>
    onChange({
      ...search,
      status: search.status.includes(status)
        ? search.status.filter((each) => each !== status)
        : [...search.status, status],
    });
  return (
    <fieldset>
      <legend>Status</legend>
      {STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          class="chip"
          aria-pressed={search.status.includes(status)}
          onClick={() => toggle(status)}
        >
          {status}
        </button>
      ))}
    </fieldset>
  );
}

interface MomentProps {
  title: string;
  value: string;
  onInput: (value: string) => void;
}

function Moment({ title, value, onInput }: MomentProps): JSX.Element {
  return (
    <label>
      {title}
      <input type="datetime-local" value={value} onInput={(event) => onInput(event.currentTarget.value)} />
    </label>
  );
}
