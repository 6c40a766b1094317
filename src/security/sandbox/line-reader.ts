/** Makes lines out of the chunks of a pipe. Only `\n` ends one: JSON may hold every other separator. */
export class LineReader {
  readonly #take: (line: string) => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  /** Of the line that has not ended yet. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.#chunks.push(rest.subarray(0, end));
      const line = Buffer.concat(this.#chunks.splice(0)).toString();
      this.#bytes = 0;
      rest = rest.subarray(end + 1);
      this.#take(line);
    }
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#bytes += rest.length;
  }
}
