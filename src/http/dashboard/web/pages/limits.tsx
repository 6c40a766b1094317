/** What a workspace may use: what was set for it and what holds, made of the list of limits there are; and the form that sets it. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { LIMIT_FIELDS, type LimitField } from "../../../../core/limits/limit-fields.ts";
import { ApiError, get, part, send } from "../api.ts";
import { count, rate, words } from "../format.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Panel, Table } from "../ui/page.tsx";

interface RateSet {
  readonly limit: number;
  readonly per?: string | number;
  readonly burst?: number;
}

interface RateInForce {
  readonly perSecond: number;
  readonly burst: number;
}

type Values<Rate> = Readonly<Record<string, number | string | Rate | null | undefined>>;

/** As the server tells it, with whatever limits there are. */
export interface LimitsOf {
  readonly workspace: string;
  readonly set: Values<RateSet> | null;
  readonly inForce: Values<RateInForce>;
}

interface LimitsProps {
  of: LimitsOf;
  onDone: () => void;
}

const FIELDS: readonly (readonly [name: string, field: LimitField])[] = Object.entries(LIMIT_FIELDS);
const HEAD = ["Limit", "In force", "Set for this workspace"];

export function Limits({ of, onDone }: LimitsProps): JSX.Element {
  const { set, inForce } = of;
  const plan = set?.["plan"];
  return (
    // What somebody else has set meanwhile begins the form anew.
    <Panel
      title="Limits"
      class="flush"
      actions={<SetLimits key={JSON.stringify(set)} of={of} onDone={onDone} />}
    >
      <p class="muted">
        {typeof plan === "string" ? `Its plan is “${plan}”. ` : "It has no plan. "}
        What is not set here is as its plan says, and then as the engine's options say. What does not fit
        waits.
      </p>
      <Table label="Limits" head={HEAD}>
        {FIELDS.map(([name, { what }]) => (
          <tr key={name}>
            <td class="wide">
              {words(name)}
              <div class="muted">{what}</div>
            </td>
            <td>
              <strong>{textOf(inForce[name])}</strong>
            </td>
            <td>{set?.[name] === undefined ? <span class="muted">–</span> : textOf(set[name])}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

function textOf(value: number | string | RateSet | RateInForce | null | undefined): string {
  if (value === null || value === undefined) return "no limit";
  if (typeof value === "number") return count(value);
  if (typeof value === "string") return value;
  const burst = value.burst === undefined ? "" : `, ${count(value.burst)} at once`;
  if ("perSecond" in value) return `${rate(value.perSecond)}${burst}`;
  const { limit, per = "1s" } = value;
  return `${count(limit)} every ${typeof per === "number" ? `${per} ms` : per}${burst}`;
}

/** What this form would take the place of is not what it began with. */
const SET_BY_OTHERS = {
  detail: "Somebody else has set other limits meanwhile.",
  next: "Close this to see them, and set yours anew.",
};

/** `unset`: as the plan and the options say. `none`: no such limit, whatever they say. */
type Mode = "unset" | "none" | "value";

interface Draft {
  readonly mode: Mode;
  readonly amount: string;
  readonly per: string;
  readonly burst: string;
}

type Drafts = Readonly<Record<string, Draft>>;

function SetLimits({ of, onDone }: LimitsProps): JSX.Element | null {
  const { workspace, set } = of;
  const before = set?.["plan"];
  const [plan, setPlan] = useState(typeof before === "string" ? before : "");
  const [drafts, setDrafts] = useState<Drafts>(() =>
    Object.fromEntries(FIELDS.map(([name]) => [name, draftOf(set?.[name])])),
  );
  if (!useMay("workspaces.setLimits")) return null;
  const path = `/workspaces/${part(workspace)}/limits`;
  const store = async (): Promise<string> => {
    const meanwhile = await get<LimitsOf>(path);
    if (JSON.stringify(meanwhile.set) !== JSON.stringify(set)) throw new ApiError(409, SET_BY_OTHERS);
    const body = { ...(plan === "" ? {} : { plan }), ...bodyOf(drafts) };
    await send("PUT", path, { body });
    return `The limits of ${workspace} are set.`;
  };
  return (
    <Ask
      label="Set limits"
      class="primary"
      question={`Takes the place of what is set for ${workspace}. It holds within about two seconds; what runs is not stopped.`}
      onYes={store}
      onDone={onDone}
    >
      <label>
        Plan (may be left out)
        <input maxLength={64} value={plan} onInput={(event) => setPlan(event.currentTarget.value)} />
      </label>
      {FIELDS.map(([name, field]) => (
        <Field
          key={name}
          name={name}
          field={field}
          draft={drafts[name]!}
          onChange={(some) => setDrafts({ ...drafts, [name]: { ...drafts[name]!, ...some } })}
        />
      ))}
    </Ask>
  );
}

interface FieldProps {
  name: string;
  field: LimitField;
  draft: Draft;
  onChange: (some: Partial<Draft>) => void;
}

function Field({ name, field, draft, onChange }: FieldProps): JSX.Element {
  const { kind, most, nullable, what } = field;
  const { mode, amount, per, burst } = draft;
  const number = { type: "number", min: 1, max: most, step: 1 } as const;
  return (
    <fieldset class="limit">
      <legend>
        <strong>{words(name)}</strong>: {what}
      </legend>
      <select
        aria-label={words(name)}
        value={mode}
        onChange={(event) => onChange({ mode: event.currentTarget.value as Mode })}
      >
        <option value="unset">as plan and options say</option>
        {nullable && <option value="none">no limit</option>}
        <option value="value">set here</option>
      </select>
      {mode === "value" && (
        <label>
          How many
          <input
            {...number}
            required
            value={amount}
            onInput={(event) => onChange({ amount: event.currentTarget.value })}
          />
        </label>
      )}
      {mode === "value" && kind === "rate" && (
        <>
          <label>
            Every
            <input
              placeholder="1s"
              value={per}
              onInput={(event) => onChange({ per: event.currentTarget.value.trim() })}
            />
          </label>
          <label>
            At once
            <input
              {...number}
              placeholder="a second's"
              value={burst}
              onInput={(event) => onChange({ burst: event.currentTarget.value })}
            />
          </label>
        </>
      )}
    </fieldset>
  );
}

function draftOf(value: number | string | RateSet | null | undefined): Draft {
  const empty: Draft = { mode: "unset", amount: "", per: "", burst: "" };
  if (value === undefined) return empty;
  if (value === null) return { ...empty, mode: "none" };
  if (typeof value !== "object") return { ...empty, mode: "value", amount: String(value) };
  const { limit, per = "", burst = "" } = value;
  return { mode: "value", amount: String(limit), per: String(per), burst: String(burst) };
}

function bodyOf(drafts: Drafts): object {
  const set = FIELDS.filter(([name]) => drafts[name]!.mode !== "unset");
  return Object.fromEntries(set.map(([name, { kind }]) => [name, valueOf(drafts[name]!, kind)]));
}

function valueOf({ mode, amount, per, burst }: Draft, kind: LimitField["kind"]): number | RateSet | null {
  if (mode === "none") return null;
  if (kind === "count") return Number(amount);
  return {
    limit: Number(amount),
    // A number of milliseconds is told as a number.
    ...(per === "" ? {} : { per: /^\d+$/.test(per) ? Number(per) : per }),
    ...(burst === "" ? {} : { burst: Number(burst) }),
  };
}
