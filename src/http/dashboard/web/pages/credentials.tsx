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
import { attempt } from "../ui/toast.tsx";

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
            <Table label="Credentials" head={["Name", "Fields", "Only for hosts", "Changed", "Actions"]}>
              {items.map(({ name, fields, allowHosts, updatedAt }) => (
                <tr key={name}>
                  <td>{name}</td>
                  <td>{fields.join(", ")}</td>
                  <td>{allowHosts ? allowHosts.join(", ") : <span class="muted">any</span>}</td>
                  <td>
                    <Ago at={updatedAt} />
                  </td>
                  <td>
                    <Delete name={name} onDone={done} />
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Shown>
    </Page>
  );
}

interface Line {
  readonly field: string;
  readonly value: string;
}

function SetCredential({ onDone }: { onDone: () => void }): JSX.Element | null {
  const [name, setName] = useState("");
  const [lines, setLines] = useState<readonly Line[]>([{ field: "token", value: "" }]);
  if (!useMay("credentials.set")) return null;
  const change = (at: number, line: Partial<Line>): void =>
    setLines(lines.map((each, index) => (index === at ? { ...each, ...line } : each)));
  const store = (): Promise<void> =>
    attempt(async () => {
      const fields = Object.fromEntries(lines.map(({ field, value }) => [field, value]));
      await send("PUT", `/credentials/${part(name)}`, { body: { fields } });
      setLines([{ field: "token", value: "" }]);
      return `${name} is stored.`;
    }, onDone);
  return (
    <Ask
      label="Set a credential"
      class="primary"
      question="What is stored under this name is replaced. Values cannot be read again."
      onYes={store}
    >
      <label>
        Name
        <input required value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
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
        </div>
      ))}
      <button type="button" class="small" onClick={() => setLines([...lines, { field: "", value: "" }])}>
        One more field
      </button>
    </Ask>
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
      onYes={() =>
        attempt(async () => {
          await send("DELETE", `/credentials/${part(name)}`);
          return `${name} is deleted.`;
        }, onDone)
      }
    />
  );
}
