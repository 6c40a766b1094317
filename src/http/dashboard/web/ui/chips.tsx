/** One of a few, all of which can be seen. */
import type { JSX } from "preact";

interface ChipsProps {
  label: string;
  names: readonly string[];
  chosen: string;
  onChoose: (name: string) => void;
}

export function Chips({ label, names, chosen, onChoose }: ChipsProps): JSX.Element {
  return (
    <div class="chips" role="group" aria-label={label}>
      {names.map((name) => (
        <button
          key={name}
          type="button"
          class="chip"
          aria-pressed={name === chosen}
          onClick={() => onChoose(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
