/** What can be done about a node of a run: answer what it waits for, or resolve its dead letter. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { NodeDocument } from "../../../../core/definition/document.ts";
import type { DeadLetter } from "../../../../core/ports/dead-letter.ts";
import type { NodeRunDetail, Page as ListPage, RunDetail } from "../../../../core/ports/store.ts";
import { part, query, send } from "../api.ts";
import { useLive } from "../live.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Trouble } from "../ui/page.tsx";
import { Resolve } from "./resolve.tsx";
import { Rerun } from "./run-actions.tsx";

/** Of the items of a map; who has more to do does it with the whole group. */
const LETTERS = 5;

interface NodeActionsProps {
  run: RunDetail;
  node: NodeRunDetail;
  definition: NodeDocument | undefined;
  onDone: () => void;
}

export function NodeActions({ run, node, definition, onDone }: NodeActionsProps): JSX.Element {
  const signal = signalOf(node, definition);
  const open = node.failure === "open" || node.failure === "items";
  return (
    <div class="actions">
      {signal !== null && <Signal runId={run.header.id} name={signal} onDone={onDone} />}
      {open && <OpenLetters runId={run.header.id} node={node.node} onDone={onDone} />}
      {node.finishedAt !== null && node.node !== "$output" && <Rerun id={run.header.id} from={node.node} />}
    </div>
  );
}

/** The signal that would let it go on; `null`: none. */
function signalOf({ waitingFor }: NodeRunDetail, definition: NodeDocument | undefined): string | null {
  if (waitingFor !== "message" || definition?.kind !== "wait") return null;
  return "signal" in definition.for ? definition.for.signal : null;
}

interface SignalProps {
  runId: string;
  name: string;
  onDone: () => void;
}

function Signal({ runId, name, onDone }: SignalProps): JSX.Element | null {
  const [text, setText] = useState("null");
  if (!useMay("runs.signal")) return null;
  return (
    <Ask
      label={`Send “${name}”`}
      class="primary"
      question="The run waits for this signal and goes on with what it carries."
      onYes={async () => {
        const body = { name, payload: JSON.parse(text) as unknown };
        await send("POST", `/runs/${part(runId)}/signals`, { body });
        return "The signal was sent.";
      }}
      onDone={onDone}
    >
      <label>
        Payload (JSON)
        <textarea
          class="code"
          rows={4}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}

function OpenLetters({
  runId,
  node,
  onDone,
}: {
  runId: string;
  node: string;
  onDone: () => void;
}): JSX.Element {
  const letters = useLive<ListPage<DeadLetter>>(
    `/dead-letters${query({ runId, node, state: ["open"], limit: LETTERS })}`,
  );
  const done = (): void => {
    letters.refresh();
    onDone();
  };
  return (
    <>
      {letters.error && <Trouble error={letters.error} stale={letters.data !== undefined} />}
      {letters.data?.items.map((letter) => (
        <div key={letter.id} class="letter" role="group" aria-label="Dead letter">
          {letter.item >= 0 && <span>Item {letter.item}: </span>}
          <Resolve letter={letter} onDone={done} />
        </div>
      ))}
      {letters.data && letters.data.cursor !== null && (
        <p class="muted">
          There are more. All of them are among the <Link href="/dead-letters">dead letters</Link>.
        </p>
      )}
    </>
  );
}
