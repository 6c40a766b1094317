/** What a page shows is asked for again while somebody looks at it. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.ts";

export interface Live<T> {
  /** `undefined`: nothing has come yet. What came last stays while it is asked for again. */
  readonly data: T | undefined;
  /** Of the last try; `undefined`: it went well. */
  readonly error: Error | undefined;
  /** Asks again at once. */
  refresh(): void;
}

const EVERY_MS = 3_000;

/** `null`: nothing is asked for. A hidden page asks for nothing, and at once when it is shown again. */
export function useLive<T>(path: string | null, everyMs: number = EVERY_MS): Live<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: Error }>({ path });
  const again = useRef<() => void>(() => {});
  useEffect(() => {
    if (path === null) return undefined;
    const poll = new Poll<T>(path, everyMs, (next) => setState((last) => ({ ...kept(last, path), ...next })));
    again.current = () => poll.now();
    return () => poll.stop();
  }, [path, everyMs]);
  const refresh = useCallback(() => again.current(), []);
  const own = state.path === path;
  return { data: own ? state.data : undefined, error: own ? state.error : undefined, refresh };
}

function kept<T>(last: { path: string | null; data?: T }, path: string): { path: string; data?: T } {
  return last.path === path && last.data !== undefined ? { path, data: last.data } : { path };
}

class Poll<T> {
  readonly #path: string;
  readonly #everyMs: number;
  readonly #tell: (next: { data: T } | { error: Error }) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #call: AbortController | undefined;
  readonly #shown = (): void => {
    if (document.visibilityState === "visible") this.now();
  };

  constructor(path: string, everyMs: number, tell: (next: { data: T } | { error: Error }) => void) {
    this.#path = path;
    this.#everyMs = everyMs;
    this.#tell = tell;
    document.addEventListener("visibilitychange", this.#shown);
    this.now();
  }

  now(): void {
    clearTimeout(this.#timer);
    this.#call?.abort();
    const call = (this.#call = new AbortController());
    void get<T>(this.#path, call.signal)
      .then(
        (data) => call.signal.aborted || this.#tell({ data }),
        (error: unknown) =>
          call.signal.aborted ||
          this.#tell({ error: error instanceof Error ? error : new Error(String(error)) }),
      )
      .then(() => {
        if (!call.signal.aborted) this.#later();
      });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#call?.abort();
    document.removeEventListener("visibilitychange", this.#shown);
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      if (document.visibilityState === "visible") this.now();
    }, this.#everyMs);
  }
}
