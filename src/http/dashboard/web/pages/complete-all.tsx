/** One output for a whole group of dead letters. Each may be refused for a reason of its own. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { DeadLetterGroup } from "../../../../core/ports/dead-letter.ts";
import { type BulkResult, send } from "../api.ts";
import { count } from "../format.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";

export function CompleteAll({
  group,
  onDone,
}: {
  group: DeadLetterGroup;
  onDone: () => void;
}): JSX.Element | null {
  const [text, setText] = useState("null");
  if (!useMay("deadLetters.completeMany")) return null;
  return (
    <Ask
      label="Complete all"
      class="small"
      question={`All ${count(group.count)} of them count as succeeded with this output.`}
      onYes={async () => {
        const filter = { workflow: group.workflow, fingerprint: group.fingerprint };
        const body = { filter, output: JSON.parse(text) as unknown };
        const { done, refused } = await send<BulkResult>("POST", "/bulk/dead-letters/complete", { body });
        return `${count(done)} done${refused > 0 ? `, ${count(refused)} refused` : ""}.`;
      }}
      onDone={onDone}
    >
      <label>
        Output (JSON)
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
