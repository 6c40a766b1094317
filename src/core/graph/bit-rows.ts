/**
 * Relations between nodes as rows of bits: one row per node, one column per node that somebody asks about.
 *
 * Only the nodes that are asked about get a column, and columns are worked off in chunks, so that memory is bounded by
 * nodes times one chunk (2.5 MB for 10,000 nodes) and not by nodes squared.
 */

/** Is `node` in the row of `reader`? */
export interface Query {
  readonly reader: number;
  readonly node: number;
}

const CHUNK_COLUMNS = 2_048;
const NO_COLUMN = -1;

export class BitRows {
  readonly words: number;
  readonly #bits: Uint32Array;
  readonly #columnOf: Int32Array;

  constructor(rows: number, columnOf: Int32Array, columns: number) {
    this.words = Math.ceil(columns / 32);
    this.#bits = new Uint32Array(rows * this.words);
    this.#columnOf = columnOf;
  }

  /** An empty relation of the same form. */
  emptyCopy(rows: number): BitRows {
    return new BitRows(rows, this.#columnOf, this.words * 32);
  }

  add(row: number, node: number): void {
    const column = this.#columnOf[node] as number;
    if (column === NO_COLUMN) return;
    const at = row * this.words + (column >>> 5);
    this.#bits[at] = (this.#bits[at] as number) | (1 << (column & 31));
  }

  has(row: number, node: number): boolean {
    const column = this.#columnOf[node] as number;
    return ((this.#bits[row * this.words + (column >>> 5)] as number) & (1 << (column & 31))) !== 0;
  }

  /** `row` gets every member of the row `from` of `source` too. */
  union(row: number, source: BitRows, from: number): void {
    const target = row * this.words;
    const start = from * this.words;
    const [bits, other] = [this.#bits, source.#bits];
    for (let i = 0; i < this.words; i++)
      bits[target + i] = (bits[target + i] as number) | (other[start + i] as number);
  }

  /** `row` keeps only what is in the row `from` of `source` too. */
  intersect(row: number, source: BitRows, from: number): void {
    const target = row * this.words;
    const start = from * this.words;
    const [bits, other] = [this.#bits, source.#bits];
    for (let i = 0; i < this.words; i++)
      bits[target + i] = (bits[target + i] as number) & (other[start + i] as number);
  }

  assign(row: number, source: BitRows, from: number): void {
    const start = from * this.words;
    this.#bits.set(source.#bits.subarray(start, start + this.words), row * this.words);
  }

  clear(row: number): void {
    this.#bits.fill(0, row * this.words, (row + 1) * this.words);
  }
}

/**
 * Answers every query with 1 or 0. `fill` computes the relation for the columns of an empty one with `rows` rows; it is
 * called once per chunk of columns, and not at all without queries.
 */
export function answer(
  queries: readonly Query[],
  rows: number,
  fill: (empty: BitRows) => BitRows,
): Uint8Array {
  const answers = new Uint8Array(queries.length);
  const byNode = new Map<number, number[]>();
  queries.forEach(({ node }, index) => {
    const known = byNode.get(node);
    if (known) known.push(index);
    else byNode.set(node, [index]);
  });
  const nodes = [...byNode.keys()];
  for (let start = 0; start < nodes.length; start += CHUNK_COLUMNS) {
    const chunk = nodes.slice(start, start + CHUNK_COLUMNS);
    const columnOf = new Int32Array(rows).fill(NO_COLUMN);
    chunk.forEach((node, column) => (columnOf[node] = column));
    const relation = fill(new BitRows(rows, columnOf, chunk.length));
    for (const node of chunk) {
      for (const index of byNode.get(node) as number[]) {
        answers[index] = Number(relation.has((queries[index] as Query).reader, node));
      }
    }
  }
  return answers;
}
