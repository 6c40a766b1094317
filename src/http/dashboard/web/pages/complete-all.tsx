/** One output for a whole group of dead letters, given one by one: each may be refused for a reason of its own. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { DeadLetter, DeadLetterGroup } from "../../../../core/ports/dead-letter.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { ApiError, type BulkResult, get, part, query, send } from "../api.ts";
import { count } from "../format.ts";
import { useMay } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { attempt } from "../ui/toast.tsx";

const PAGE = 100;

export function CompleteAll({
  group,
  onDone,
}: {
  group: DeadLetterGroup;
  onDone: () => void;
}): JSX.Element | null {
  const [text, setText] = useState("null");
  if (!useMay("deadLetters.complete")) return null;
  return (
    <Ask
      label="Complete all"
      class="small"
      question={`All ${count(group.count)} of them count as succeeded with this output. Keep this page open until it says that it is done.`}
      onYes={() =>
        attempt(async () => {
          const { done, refused } = await completeAll(group, JSON.parse(text));
          return `${count(done)} done${refused > 0 ? `, ${count(refused)} refused` : ""}.`;
        }, onDone)
      }
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

/** Those that were open when it began. */
async function completeAll({ workflow, fingerprint }: DeadLetterGroup, output: unknown): Promise<BulkResult> {
  const result = { done: 0, refused: 0 };
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const parts = { workflow, fingerprint, state: "open", cursor, limit: PAGE };
    const page: ListPage<DeadLetter> = await get(`/dead-letters${query(parts)}`);
    for (const { id } of page.items) result[(await complete(id, output)) ? "done" : "refused"] += 1;
    cursor = page.cursor;
  }
  return result;
}

/** `false`: it was refused, as one is that somebody else has resolved meanwhile. */
async function complete(id: string, output: unknown): Promise<boolean> {
  try {
    await send("POST", `/dead-letters/${part(id)}/complete`, { body: { output } });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return false;
    throw error;
  }
}
