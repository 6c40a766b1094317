/** What came of an action, said once where everybody sees and hears it. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { ApiError } from "../api.ts";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

const SHOWN_MS = 6_000;
const toasts = signal<readonly Toast[]>([]);
let last = 0;

export function tell(text: string, bad = false): void {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, bad }];
  // Bad news stays until it is put away.
  if (!bad) setTimeout(() => drop(id), SHOWN_MS);
}

/** Says what an action has come to; `done` is told of the good end. */
export async function attempt(action: () => Promise<string>, done: () => void = () => {}): Promise<void> {
  try {
    tell(await action());
    done();
  } catch (error) {
    tell(reason(error), true);
  }
}

export function reason(error: unknown): string {
  // Of what was typed: the API's own answers are read without throwing.
  if (error instanceof SyntaxError) return `This is no JSON: ${error.message}`;
  if (error instanceof ApiError) {
    // What the server says has mostly been said with the message already.
    const next = error.next ?? "";
    return error.message.includes(next) ? error.message : `${error.message} ${next}`;
  }
  return error instanceof Error ? `The server does not answer: ${error.message}` : String(error);
}

function drop(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, bad }) => (
        <div key={id} class={bad ? "toast bad" : "toast"}>
          <span>{text}</span>
          <button type="button" class="small" aria-label="Dismiss" onClick={() => drop(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
