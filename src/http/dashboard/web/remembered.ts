/** How somebody left a page, kept with its place in the browser's history: the way back leads to what he saw, and a link to the page begins anew. */
import { useState } from "preact/hooks";

/** As `useState`. `name`: of this value among those of the page; the value is plain data. */
export function useRemembered<T>(name: string, begin: T): readonly [value: T, set: (next: T) => void] {
  const [value, setValue] = useState<T>(() => (name in kept() ? (kept()[name] as T) : begin));
  const set = (next: T): void => {
    keep(name, next);
    setValue(next);
  };
  return [value, set];
}

function kept(): Readonly<Record<string, unknown>> {
  const state: unknown = history.state;
  return typeof state === "object" && state !== null ? { ...state } : {};
}

function keep(name: string, value: unknown): void {
  try {
    history.replaceState({ ...kept(), [name]: value }, "");
  } catch {
    // A browser that is told too much at once remembers nothing, and shows what was chosen all the same.
  }
}
