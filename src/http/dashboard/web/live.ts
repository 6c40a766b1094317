/** What a page shows is asked for again while somebody looks at it. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.ts";
import { forget, isStill, whenMoving } from "./still.ts";

export interface Live<T> {
  /** `undefined`: nothing has come yet. What came last stays while it is asked for again. */
  readonly data: T | undefined;
  /** Of the last try; `undefined`: it went well. */
  readonly error: Error | undefined;
  /** Asks again at once. */
  refresh(): void;
}

export const EVERY_MS = 3_000;

/**
 * No path: nothing is asked for. `everyMs` is `null`: only when it is told to (`refresh`). A hidden page asks for nothing, and at once when it is
 * shown again; one that stands still changes nothing that is shown.
 */
export function useLive<T>(path: string | null, everyMs: number | null = EVERY_MS): Live<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: Error }>({ path });
  const current = useRef<Poll<T> | null>(null);
  useEffect(() => {
    if (path === null) return undefined;
    const poll = new Poll<T>(path, (next) => setState((last) => ({ ...kept(last, path), ...next })));
    current.current = poll;
    return () => {
      current.current = null;
      poll.stop();
    };
  }, [path]);
  useEffect(() => current.current?.pace(everyMs), [path, everyMs]);
  const refresh = useCallback(() => current.current?.refresh(), []);
  const own = state.path === path;
  return { data: own ? state.data : undefined, error: own ? state.error : undefined, refresh };
}

function kept<T>(last: { path: string | null; data?: T }, path: string): { path: string; data?: T } {
  return last.path === path && last.data !== undefined ? { path, data: last.data } : { path };
}

class Poll<T> {
  readonly #path: string;
  #everyMs: number | null = null;
  readonly #tell: (next: { data: T } | { error: Error }) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stop = new AbortController();
  #isAsking = false;
  #again = false;
  #hasTold = false;
  readonly #goOn = (): void => this.refresh();
  readonly #shown = (): void => {
    if (document.visibilityState === "visible") this.refresh();
  };

  constructor(path: string, tell: (next: { data: T } | { error: Error }) => void) {
    this.#path = path;
    this.#tell = tell;
    document.addEventListener("visibilitychange", this.#shown);
    void this.#ask();
  }

  /** What is asked for just now may be old already, so it is asked for once more; to break it off could go on for ever. */
  refresh(): void {
    if (isStill()) whenMoving(this.#goOn);
    else if (this.#isAsking) this.#again = true;
    else void this.#ask();
  }

  async #ask(): Promise<void> {
    const { signal } = this.#stop;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    this.#again = false;
    const answer = await get<T>(this.#path, signal).then(
      (data) => ({ data }),
      (error: unknown) => ({ error: error instanceof Error ? error : new Error(String(error)) }),
    );
    if (signal.aborted) return;
    this.#isAsking = false;
    if (this.#hasTold && isStill()) return whenMoving(this.#goOn);
    this.#hasTold = true;
    this.#tell(answer);
    if (this.#again) void this.#ask();
    else this.#later();
  }

  /** How often from now on; what is under way goes on. */
  pace(everyMs: number | null): void {
    this.#everyMs = everyMs;
    if (!this.#isAsking) this.#later();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
    forget(this.#goOn);
    document.removeEventListener("visibilitychange", this.#shown);
  }

  #later(): void {
    clearTimeout(this.#timer);
    if (this.#everyMs === null) return;
    this.#timer = setTimeout(() => {
      if (document.visibilityState === "visible") this.refresh();
    }, this.#everyMs);
  }
}
