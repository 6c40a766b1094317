/** A status as a word with a mark beside it: never as a colour alone. */
import type { JSX } from "preact";

const TONES: Readonly<Record<string, string>> = {
  succeeded: "good",
  accepted: "good",
  completed: "good",
  enabled: "good",
  alive: "good",
  resolved: "good",
  "goes on": "busy",
  done: "good",
  refused: "bad",
  begun: "busy",
  failed: "bad",
  rejected: "bad",
  open: "bad",
  "dead letter": "bad",
  probing: "busy",
  releasing: "busy",
  running: "busy",
  compensating: "busy",
  cancelling: "busy",
  received: "busy",
  waiting: "wait",
  queued: "wait",
  ready: "wait",
  paused: "hold",
  disabled: "hold",
};

const MARKS: Readonly<Record<string, string>> = { good: "✓", bad: "✕", busy: "▸", wait: "◔", hold: "‖" };

export function toneOf(status: string): string {
  return TONES[status] ?? "idle";
}

export function markOf(status: string): string {
  return MARKS[toneOf(status)] ?? "–";
}

export function Status({ value }: { value: string }): JSX.Element {
  return (
    <span class={`status ${toneOf(value)}`}>
      <span class="mark" aria-hidden="true">
        {markOf(value)}
      </span>
      {value}
    </span>
  );
}
