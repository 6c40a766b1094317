/**
 * Notices: the messages of a notifier. Each is one line of text, `<sender> <run id>,<run id>,...`, on one of two channels. What is
 * said while a message is on its way is said together in the next one.
 */

export type NoticeKind = "watch" | "moved";

/** Below the 8,000 bytes that PostgreSQL allows a notification. */
const MAX_BYTES = 7_900;

export interface NoticesOptions {
  /** Names this process; its own messages come back to it and are left out. Without blanks. */
  readonly sender: string;
  readonly send: (kind: NoticeKind, messages: readonly string[]) => Promise<void>;
  /** How long ids are gathered before they are sent. */
  readonly gather: () => Promise<void>;
}

/** Gathers run ids, and sends each of them once per message. */
export class Notices {
  readonly #options: NoticesOptions;
  #waiting = new Map<NoticeKind, Set<string>>();
  #next: Promise<void> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** Resolves when the message that carries these ids was sent. */
  add(kind: NoticeKind, runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return Promise.resolve();
    const ids = this.#waiting.get(kind) ?? new Set();
    this.#waiting.set(kind, ids);
    for (const id of runIds) ids.add(id);
    if (this.#next === null) {
      this.#next = this.#flush();
      this.#last = this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  async #flush(): Promise<void> {
    await Promise.all([this.#last, this.#options.gather()]);
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#next = null;
    const { sender, send } = this.#options;
    await Promise.all([...waiting].map(([kind, ids]) => send(kind, messagesOf(sender, ids))));
  }
}

function messagesOf(sender: string, ids: Iterable<string>): readonly string[] {
  const messages: string[] = [];
  let message = "";
  for (const id of ids) {
    // An id is ASCII, so its length is its bytes.
    if (message !== "" && message.length + 1 + id.length > MAX_BYTES) {
      messages.push(message);
      message = "";
    }
    message = message === "" ? `${sender} ${id}` : `${message},${id}`;
  }
  return [...messages, message];
}

/** The run ids of a message of another process; none where it is our own, or not a notice. */
export function noticedRuns(message: string, sender: string): readonly string[] {
  const blank = message.indexOf(" ");
  if (blank < 1 || message.slice(0, blank) === sender) return [];
  return message
    .slice(blank + 1)
    .split(",")
    .filter((id) => id !== "");
}
