/**
 * Streams of server-sent events that are open on a handler: how many there may be, and how one ends.
 *
 * A stream may be open for days, and a login may end before. So whoever opened it is asked for again now and then, and the stream is closed
 * where he would not get in any more.
 */
import { FlowForgeError } from "../core/errors.ts";
import { SAFE_HEADERS } from "./problem.ts";

export interface StreamLimits {
  /** On this handler. */
  readonly most: number;
  /** Of one login. */
  readonly mostPerLogin: number;
  readonly checkMs: number;
}

export interface StreamOwner {
  /** Who opened it: streams of the same login are counted together. */
  readonly login: string;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Whether the login still holds. */
  check(): Promise<boolean>;
}

/** Where the texts of a stream come from: server-sent events, as they are written. */
export interface StreamSource {
  texts(signal: AbortSignal): AsyncGenerator<string>;
}

/** Proxies end connections on which nothing is said. */
const BEAT_MS = 15_000;
const BEAT = ": ping\n\n";
const CLOSED = 'event: closed\ndata: {"code":"http_unauthorized"}\n\n';

export class Streams {
  readonly #limits: StreamLimits;
  readonly #open = new Map<string, number>();
  #count = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  /** How many are open. */
  get count(): number {
    return this.#count;
  }

  /** Throws `http_streams_exhausted` and `http_streams_limit`. */
  open(source: StreamSource, owner: StreamOwner): Response {
    const leave = this.#enter(owner.login);
    const body = new OpenStream(source, owner, { checkMs: this.#limits.checkMs, leave }).body;
    return new Response(body, {
      headers: { ...SAFE_HEADERS, "content-type": "text/event-stream", "x-accel-buffering": "no" },
    });
  }

  /** Takes a place. Returns what gives it back, once. */
  #enter(login: string): () => void {
    const { most, mostPerLogin } = this.#limits;
    if (this.#count >= most) {
      throw new FlowForgeError("http_streams_exhausted", {
        subject: "the stream of events",
        expected: `at most ${most} open streams on this server`,
        next: "Try again later, or raise the option `maxStreams` of createHandler.",
      });
    }
    const own = this.#open.get(login) ?? 0;
    if (own >= mostPerLogin) {
      throw new FlowForgeError("http_streams_limit", {
        subject: "the stream of events",
        expected: `at most ${mostPerLogin} open streams of one login`,
        next: "Close another one first: a page needs one stream for its whole workspace.",
      });
    }
    this.#count++;
    this.#open.set(login, own + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#count--;
      const left = this.#open.get(login)! - 1;
      if (left > 0) this.#open.set(login, left);
      else this.#open.delete(login);
    };
  }
}

class OpenStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #owner: StreamOwner;
  readonly #leave: () => void;
  readonly #stop = new AbortController();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(
    source: StreamSource,
    owner: StreamOwner,
    { checkMs, leave }: { readonly checkMs: number; readonly leave: () => void },
  ) {
    this.#owner = owner;
    this.#leave = leave;
    this.#timers = [
      setInterval(() => this.#beat(), BEAT_MS),
      setInterval(() => void this.#check(), checkMs),
    ].map((timer) => timer.unref());
    // A client that has gone may never cancel the body: some servers only abort the request.
    owner.signal.addEventListener("abort", this.#end, { once: true });
    const texts = source.texts(AbortSignal.any([owner.signal, this.#stop.signal]));
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(texts),
      cancel: () => this.#end(),
    });
    if (owner.signal.aborted) this.#end();
  }

  async #pull(texts: AsyncGenerator<string>): Promise<void> {
    try {
      const next = await texts.next();
      if (next.done) this.#close();
      else this.#say(next.value);
    } catch (error) {
      this.#controller?.error(error);
      this.#end();
    }
  }

  #beat(): void {
    // Who does not read gets no heap of them.
    if ((this.#controller?.desiredSize ?? 0) > 0) this.#say(BEAT);
  }

  async #check(): Promise<void> {
    if (await this.#owner.check()) return;
    this.#say(CLOSED);
    this.#close();
  }

  #say(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }

  #close(): void {
    this.#controller?.close();
    this.#end();
  }

  /** Gives everything back. Nothing is said after it. */
  readonly #end = (): void => {
    this.#controller = null;
    for (const timer of this.#timers) clearInterval(timer);
    this.#owner.signal.removeEventListener("abort", this.#end);
    this.#stop.abort();
    this.#leave();
  };
}
