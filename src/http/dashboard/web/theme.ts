/** Light or dark: as the system says, until the reader says otherwise. */
import { computed, effect, type ReadonlySignal, signal, type Signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "flowforge.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", ({ matches }) => (isSystemDark.value = matches));

/** What the reader has chosen. */
export const theme: Signal<Theme> = signal(stored());

/** What is shown. */
export const look: ReadonlySignal<"light" | "dark"> = computed(() =>
  theme.value === "system" ? (isSystemDark.value ? "dark" : "light") : theme.value,
);

effect(() => {
  document.documentElement.dataset["theme"] = look.value;
});
effect(() => remember(theme.value));

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

function remember(value: Theme): void {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // A browser that keeps nothing still shows what was chosen.
  }
}
