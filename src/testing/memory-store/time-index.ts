interface Slot<T> {
  readonly at: number;
  /** Breaks ties: first come, first found, so that a simulation repeats itself exactly. */
  readonly order: number;
  readonly item: T;
}

/**
 * Things by a time, so that "what is due" looks at nothing that is not. A binary heap; a slot whose thing got another time
 * stays in it as dead wood until it comes up or until most of the heap is dead.
 */
export class TimeIndex<T> {
  #heap: Slot<T>[] = [];
  readonly #slots = new Map<T, Slot<T>>();
  #order = 0;

  /** `null`: the thing has no time and is never found. */
  set(item: T, at: number | null): void {
    if (this.#slots.get(item)?.at === (at ?? undefined)) return;
    if (at === null) {
      this.#slots.delete(item);
      return;
    }
    const slot = { at, order: this.#order++, item };
    this.#slots.set(item, slot);
    this.#push(slot);
    if (this.#heap.length > 2 * this.#slots.size + 64) this.#rebuild();
  }

  /** Things with a time up to and including `until`, the oldest first. They stay. */
  find(query: { until: number; limit: number; where?: (item: T) => boolean }): T[] {
    const found: T[] = [];
    const passed: Slot<T>[] = [];
    while (found.length < query.limit && this.#heap.length > 0 && this.#heap[0]!.at <= query.until) {
      const slot = this.#pop();
      if (this.#slots.get(slot.item) !== slot) continue;
      passed.push(slot);
      if (query.where?.(slot.item) ?? true) found.push(slot.item);
    }
    for (const slot of passed) this.#push(slot);
    return found;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const slot of this.#slots.values()) this.#push(slot);
  }

  #push(slot: Slot<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(slot);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(slot, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = slot;
  }

  /** Only on a heap that is not empty. */
  #pop(): Slot<T> {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore<T>(a: Slot<T>, b: Slot<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
