/** Several observers as one. */
import type { OutboundFetch } from "../core/definition/outbound.ts";
import type { AttemptWatch, Observer } from "../worker/observer.ts";

export function observers(all: readonly Partial<Observer>[]): Observer {
  const tell =
    <Name extends Exclude<keyof Observer, "attempt">>(name: Name) =>
    (...about: Parameters<Observer[Name]>): void => {
      for (const each of all)
        (each[name] as ((...given: typeof about) => void) | undefined)?.call(each, ...about);
    };
  return {
    runBegan: tell("runBegan"),
    runEnded: tell("runEnded"),
    taken: tell("taken"),
    deadLetter: tell("deadLetter"),
    fenced: tell("fenced"),
    batch: tell("batch"),
    definition: tell("definition"),
    attempt: (attempt) => watches(all.flatMap((each) => each.attempt?.(attempt) ?? [])),
  };
}

function watches(all: readonly AttemptWatch[]): AttemptWatch {
  return {
    ended: (outcome) => {
      for (const each of all) each.ended(outcome);
    },
    within: <T>(work: () => T): T =>
      all.reduce<() => T>((inner, { within }) => (within ? () => within(inner) : inner), work)(),
    code: <T>(work: () => Promise<T>): Promise<T> =>
      all.reduce<() => Promise<T>>((inner, { code }) => (code ? () => code(inner) : inner), work)(),
    fetch: (fetch) => all.reduce<OutboundFetch>((inner, each) => each.fetch?.(inner) ?? inner, fetch),
  };
}
