import type { Trial } from "./trial.ts";

/** Declares a test with an action of its own. */
export type UseAction = (title: string, body: (trial: Trial) => Promise<void>) => void;
