/** What a run says itself, so that its page need not ask again and again. */
import { useEffect, useState } from "preact/hooks";
import { addressOf, part } from "./api.ts";
import { EVERY_MS, type Live } from "./live.ts";

const RESTING: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);
/** A run at rest goes on only where somebody redrives it. */
const RESTING_MS = 10_000;
/** A burst of events is one look. */
const BURST_MS = 100;

export function isResting(status: string | undefined): boolean {
  return status !== undefined && RESTING.has(status);
}

/** How often what events do not tell of is to be asked for: items and lines of the log. */
export function paceOf(status: string): number {
  return isResting(status) ? RESTING_MS : EVERY_MS;
}

/** A browser keeps few connections to one server: pages that nobody sees must not hold them all, or the next one could ask for nothing. */
function useVisible(): boolean {
  const [visible, setVisible] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const look = (): void => setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return visible;
}

/** How often a run is to be asked for: `null` while its events tell what happens. `refresh` is called for each of them. */
export function useRunEvents(
  id: string,
  status: string | undefined,
  { refresh }: Pick<Live<unknown>, "refresh">,
): number | null {
  const [hears, setHears] = useState(false);
  const resting = isResting(status);
  // Which it is must be known first: one that rests is not listened to.
  const moves = status !== undefined && !resting;
  const listens = useVisible() && moves;
  useEffect(() => {
    if (!listens) return undefined;
    const source = new EventSource(addressOf(`/runs/${part(id)}/events`));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        refresh();
      }, BURST_MS);
    };
    source.addEventListener("node", soon);
    source.addEventListener("run", soon);
    source.addEventListener("open", () => setHears(true));
    // It comes back by itself, unless it was refused; until then the page asks.
    source.addEventListener("error", () => setHears(false));
    // Whose login has ended hears no more. The page then asks, and says that it may not.
    source.addEventListener("closed", () => {
      setHears(false);
      source.close();
    });
    return () => {
      clearTimeout(timer);
      source.close();
      setHears(false);
    };
  }, [id, listens, refresh]);
  if (resting) return RESTING_MS;
  return hears ? null : EVERY_MS;
}
