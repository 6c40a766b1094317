/** Credentials by name. Their values go in here and are never shown again. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { part, send } from "../api.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { Ago } from "../ui/time.tsx";

interface Credential {
  readonly name: string;
  readonly fields: readonly string[];
  readonly allowHosts: readonly string[] | null;
  readonly updatedAt: number;
}

export function Credentials(): JSX.Element {
  const credentials = useLive<ListPage<Credential>>("/credentials?limit=500");
  const done = (): void => credentials.refresh();
  return (
    <Page title="Credentials" actions={<SetCredential onDone={done} />}>
      <Shown of={credentials}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No credentials are stored.</Empty>
          ) : (
            <Table
              label="Credentials"
              head={["Name", "Fields", "Only for hosts", "Changed"]}
              actions={["credentials.set", "credentials.delete"]}
            >
              {items.map((credential) => (
                <Row key={credential.name} credential={credential} onDone={done} />
              ))}
            </Table>
          )
        }
      </Shown>
    </Page>
  );
}

function Row({ credential, onDone }: { credential: Credential; onDone: () => void }): JSX.Element {
  const { name, fields, allowHosts, updatedAt } = credential;
  return (
    <tr>
      <td>{name}</td>
      <td>{fields.join(", ")}</td>
      <td>{allowHosts ? allowHosts.join(", ") : <span class="muted">any</span>}</td>
      <td>
        <Ago at={updatedAt} />
      </td>
      <td>
        <span class="actions">
          {/* What it has may have been changed elsewhere: the form begins with what is there. */}
          <SetCredential key={updatedAt} of={credential} onDone={onDone} />
          <Delete name={name} onDone={onDone} />
        </span>
      </td>
    </tr>
  );
}

interface Line {
  readonly field: string;
  readonly value: string;
}

/** What is filled in. Values are never known before. */
interface Draft {
  readonly name: string;
  readonly lines: readonly Line[];
  /** With commas between them. */
  readonly hosts: string;
}

function draftOf(of: Credential | undefined): Draft {
  if (!of) return { name: "", lines: [{ field: "token", value: "" }], hosts: "" };
  const lines = of.fields.map((field) => ({ field, value: "" }));
  return { name: of.name, lines, hosts: (of.allowHosts ?? []).join(", ") };
}

interface SetCredentialProps {
  /** The one whose place it takes; `undefined`: any. */
  of?: Credential;
  onDone: () => void;
}

function SetCredential({ of, onDone }: SetCredentialProps): JSX.Element | null {
  const [draft, setDraft] = useState(() => draftOf(of));
  if (!useMay("credentials.set")) return null;
  const { name, lines, hosts } = draft;
  const store = async (): Promise<string> => {
    const allowHosts = hosts.split(",").flatMap((host) => host.trim() || []);
    const fields = Object.fromEntries(lines.map(({ field, value }) => [field, value]));
    const body = { fields, ...(allowHosts.length === 0 ? {} : { allowHosts }) };
    await send("PUT", `/credentials/${part(name)}`, { body });
    setDraft(draftOf(of));
    return `${name} is stored.`;
  };
  return (
    <Ask
      label={of ? "Replace" : "Set a credential"}
      class={of ? "small" : "primary"}
      question={`What is stored under ${of ? of.name : "this name"} is replaced, with the hosts that it is for. Values cannot be read again.`}
      onYes={store}
      onDone={onDone}
    >
      {!of && (
        <label>
          Name
          <input
            required
            value={name}
            onInput={(event) => setDraft({ ...draft, name: event.currentTarget.value })}
          />
        </label>
      )}
      <Lines lines={lines} onChange={(next) => setDraft({ ...draft, lines: next })} />
      <label>
        Only for hosts (may be left out)
        <input
          placeholder="api.example.com, *.example.org"
          value={hosts}
          onInput={(event) => setDraft({ ...draft, hosts: event.currentTarget.value })}
        />
        <small class="muted">
          With commas between them. Without any it is sent to whatever host a node calls.
        </small>
      </label>
    </Ask>
  );
}

interface LinesProps {
  lines: readonly Line[];
  onChange: (lines: readonly Line[]) => void;
}

function Lines({ lines, onChange }: LinesProps): JSX.Element {
  const change = (at: number, line: Partial<Line>): void =>
    onChange(lines.map((each, index) => (index === at ? { ...each, ...line } : each)));
  return (
    <>
      {lines.map((line, at) => (
        <div key={at} class="pair">
          <label>
            Field
            <input
              required
              value={line.field}
              onInput={(event) => change(at, { field: event.currentTarget.value })}
            />
          </label>
          <label>
            Value
            <input
              required
              type="password"
              autoComplete="off"
              value={line.value}
              onInput={(event) => change(at, { value: event.currentTarget.value })}
            />
          </label>
          {lines.length > 1 && (
            <button
              type="button"
              class="small"
              aria-label={`Leave out field ${at + 1}`}
              onClick={() => onChange(lines.filter((_, index) => index !== at))}
            >
              ✕
            </button>
          )}
        </div>
      ))}
      <button type="button" class="small" onClick={() => onChange([...lines, { field: "", value: "" }])}>
        One more field
      </button>
    </>
  );
}

function Delete({ name, onDone }: { name: string; onDone: () => void }): JSX.Element | null {
  if (!useMay("credentials.delete")) return null;
  return (
    <Ask
      label="Delete"
      class="small"
      danger
      question={`Nodes that ask for ${name} fail from now on.`}
      onYes={async () => {
        await send("DELETE", `/credentials/${part(name)}`);
        return `${name} is deleted.`;
      }}
      onDone={onDone}
    />
  );
}
