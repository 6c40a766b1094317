/** The three ways to resolve a dead letter: try again (also with another input), supply the result, give it up. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { DeadLetter } from "../../../../core/ports/dead-letter.ts";
import { part, send } from "../api.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";

interface ResolveProps {
  letter: DeadLetter;
  onDone: () => void;
}

export function Resolve({ letter, onDone }: ResolveProps): JSX.Element {
  return (
    <span class="actions">
      <Redrive letter={letter} onDone={onDone} />
      <Complete letter={letter} onDone={onDone} />
      <Discard letter={letter} onDone={onDone} />
    </span>
  );
}

function Redrive({ letter, onDone }: ResolveProps): JSX.Element | null {
  const before = letter.input === undefined ? "" : JSON.stringify(letter.input, null, 2);
  const [text, setText] = useState(before);
  const [force, setForce] = useState(false);
  if (!useMay("deadLetters.redrive")) return null;
  const redrive = async (): Promise<string> => {
    const edited = text !== before;
    const body = {
      ...(edited ? { input: JSON.parse(text) as unknown } : {}),
      ...(force ? { force } : {}),
    };
    await send("POST", `/dead-letters/${part(letter.id)}/redrive`, { body });
    return edited ? "It runs again with the new input." : "It runs again.";
  };
  return (
    <Ask
      label="Redrive"
      class="primary small"
      question={`${letter.node} runs again. With another input it counts as something new, with the same one as the same.`}
      onYes={redrive}
      onDone={onDone}
    >
      <label>
        Input (JSON)
        <textarea
          class="code"
          rows={10}
          value={text}
          placeholder="Made anew from the template"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} />
        Even where nobody knows what the last attempt did
      </label>
    </Ask>
  );
}

function Complete({ letter, onDone }: ResolveProps): JSX.Element | null {
  const [text, setText] = useState("null");
  if (!useMay("deadLetters.complete")) return null;
  return (
    <Ask
      label="Complete"
      class="small"
      question={`${letter.node} counts as succeeded with this output, and does not run again.`}
      onYes={async () => {
        const body = { output: JSON.parse(text) as unknown };
        await send("POST", `/dead-letters/${part(letter.id)}/complete`, { body });
        return "It is completed.";
      }}
      onDone={onDone}
    >
      <label>
        Output (JSON)
        <textarea
          class="code"
          rows={8}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
    </Ask>
  );
}

function Discard({ letter, onDone }: ResolveProps): JSX.Element | null {
  if (!useMay("deadLetters.discard")) return null;
  return (
    <Ask
      label="Discard"
      class="small"
      danger
      question={`${letter.node} is left undone, and nothing that follows it runs.`}
      onYes={async () => {
        await send("POST", `/dead-letters/${part(letter.id)}/discard`);
        return "It is discarded.";
      }}
      onDone={onDone}
    />
  );
}
