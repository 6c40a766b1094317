/**
 * What waits for its commit: a line for each workspace, first in, first out, from which they have their turns one entry at a time. A workspace
 * that stores very many runs at once waits for itself, and another's step is in the next batch.
 */
export interface LineEntry {
  readonly workspace: string;
  /** An estimate. */
  readonly bytes: number;
}

export interface BatchSize {
  readonly maxEntries: number;
  /** One that is larger is a batch alone. */
  readonly maxBytes: number;
}

/** Entries from `from` on are waiting; what is before has gone, and is cut off now and then: to shift one at a time would copy them all. */
interface Line<One> {
  entries: One[];
  from: number;
}

const CUT = 1_024;

export class CommitLines<One extends LineEntry> {
  /** Whose turn is next is first. None is empty. */
  readonly #lines = new Map<string, Line<One>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(one: One): void {
    const line = this.#lines.get(one.workspace);
    if (line) line.entries.push(one);
    else this.#lines.set(one.workspace, { entries: [one], from: 0 });
    this.#size++;
  }

  /** The next batch; at least one entry, where any waits. */
  take({ maxEntries, maxBytes }: BatchSize): readonly One[] {
    const batch: One[] = [];
    let bytes = 0;
    while (batch.length < maxEntries && this.#size > 0) {
      const [workspace, line] = this.#lines.entries().next().value!;
      const one = line.entries[line.from]!;
      bytes += one.bytes;
      if (batch.length > 0 && bytes > maxBytes) break;
      batch.push(one);
      this.#shift(workspace, line);
    }
    return batch;
  }

  #shift(workspace: string, line: Line<One>): void {
    line.from++;
    this.#size--;
    const isEmpty = line.from === line.entries.length;
    if (!isEmpty && line.from >= CUT && line.from * 2 >= line.entries.length) {
      line.entries = line.entries.slice(line.from);
      line.from = 0;
    }
    // Alone, its turn is the next one too.
    if (!isEmpty && this.#lines.size === 1) return;
    this.#lines.delete(workspace);
    if (!isEmpty) this.#lines.set(workspace, line);
  }
}
