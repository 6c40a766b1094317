/** What can be done to a run as a whole. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { RunDetail } from "../../../../core/ports/store.ts";
import { part, send } from "../api.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { attempt } from "../ui/toast.tsx";

const RESTING: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

interface ActionsProps {
  run: RunDetail;
  onDone: () => void;
}

export function RunActions({ run: { header }, onDone }: ActionsProps): JSX.Element {
  const { id, status, paused, cancelled } = header;
  const resting = RESTING.has(status);
  return (
    <>
      {!resting && !cancelled && !paused && <Pause id={id} onDone={onDone} />}
      {!resting && paused && <Resume id={id} onDone={onDone} />}
      {(!resting || status === "failed") && !cancelled && <Cancel id={id} onDone={onDone} />}
      <Rerun id={id} />
    </>
  );
}

interface OneProps {
  id: string;
  onDone: () => void;
}

function Pause({ id, onDone }: OneProps): JSX.Element | null {
  if (!useMay("runs.pause")) return null;
  const pause = (): Promise<void> =>
    attempt(async () => {
      await send("POST", `/runs/${part(id)}/pause`);
      return "The run pauses: what runs may end, nothing new starts.";
    }, onDone);
  return (
    <button type="button" onClick={() => void pause()}>
      Pause
    </button>
  );
}

function Resume({ id, onDone }: OneProps): JSX.Element | null {
  if (!useMay("runs.resume")) return null;
  const resume = (): Promise<void> =>
    attempt(async () => {
      await send("POST", `/runs/${part(id)}/resume`);
      return "The run goes on.";
    }, onDone);
  return (
    <button type="button" class="primary" onClick={() => void resume()}>
      Resume
    </button>
  );
}

function Cancel({ id, onDone }: OneProps): JSX.Element | null {
  const [compensate, setCompensate] = useState(false);
  if (!useMay("runs.cancel")) return null;
  return (
    <Ask
      label="Cancel run"
      danger
      question="What has not begun will not begin, and what runs is told to stop."
      onYes={async () => {
        await send("POST", `/runs/${part(id)}/cancel`, { body: { compensate } });
        return "The run was told to end.";
      }}
      onDone={onDone}
    >
      <label class="check">
        <input
          type="checkbox"
          checked={compensate}
          onChange={(event) => setCompensate(event.currentTarget.checked)}
        />
        Undo what has succeeded first
      </label>
    </Ask>
  );
}

/** `from`: a node; what came before it is taken over from this run. */
export function Rerun({ id, from }: { id: string; from?: string }): JSX.Element | null {
  const [, go] = useLocation();
  if (!useMay("runs.rerun")) return null;
  return (
    <Ask
      label={from === undefined ? "Run again" : "Run again from here"}
      question={
        from === undefined
          ? "A new run is started with the same input."
          : `A new run is started that begins at ${from}, with what came before it as it is here.`
      }
      onYes={async () => {
        const body = from === undefined ? {} : { from };
        const run = await send<{ id: string }>("POST", `/runs/${part(id)}/rerun`, { body });
        go(`/runs/${run.id}`);
        return "This is the new run.";
      }}
    />
  );
}
