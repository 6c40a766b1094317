/** The form that publishes an event. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { send } from "../api.ts";
import { count, counted } from "../format.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";

export function Publish({ onDone }: { onDone: () => void }): JSX.Element | null {
  const [name, setName] = useState("");
  const [id, setId] = useState("");
  const [text, setText] = useState("{}");
  if (!useMay("events.publish")) return null;
  const publish = async (): Promise<string> => {
    const body = { name, payload: JSON.parse(text) as unknown, ...(id === "" ? {} : { id }) };
    const came = await send<{ runs: number; started: number; repeated?: true }>("POST", "/events", { body });
    if (came.repeated) return "It was published before; nothing was done now.";
    return `It woke ${counted(came.runs, "run")} and started ${count(came.started)}.`;
  };
  return (
    <Ask
      label="Publish an event"
      class="primary"
      question="Every run that waits for it goes on, and every workflow that listens is started."
      onYes={publish}
      onDone={onDone}
    >
      <label>
        Name
        <input required value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label>
        Id (may be left out)
        <input value={id} onInput={(event) => setId(event.currentTarget.value)} />
        <small class="muted">The same id is the same event: it does nothing twice.</small>
      </label>
      <label>
        Payload (JSON)
        <textarea
          class="code"
          rows={6}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}
