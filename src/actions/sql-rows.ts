/** The rows of an answer, as they come: no more, and nothing larger, than an output may be. */
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import { checkValue, VALUE_LIMITS } from "../core/values.ts";

/** An output holds a list that holds a row. */
const LEVELS_AROUND = 2;

export class Rows {
  readonly rows: Record<string, Json>[] = [];
  readonly #maxRows: number;
  #bytes = 0;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  /** Throws `PermanentError` where it is too much, or could not be told by names. */
  add(values: readonly Json[], columns: readonly string[]): void {
    if (this.rows.length === this.#maxRows)
      throw new PermanentError(`The answer has more than ${this.#maxRows} rows. Ask for less, page by page.`);
    if (this.rows.length === 0) assertColumns(columns);
    const row = Object.fromEntries(columns.map((column, index) => [column, values[index] as Json]));
    const { maxBytes, maxDepth } = VALUE_LIMITS;
    const checked = checkValue(row, { maxBytes, maxDepth: maxDepth - LEVELS_AROUND });
    if (!checked.ok) {
      const { path, message } = checked.problem;
      throw new PermanentError(
        `Row ${this.rows.length + 1} of the answer${path.map((part) => `, ${part}`).join("")} ${message}.`,
      );
    }
    this.#bytes += checked.bytes;
    if (this.#bytes > maxBytes)
      throw new PermanentError(`The answer has more than ${maxBytes} bytes. Ask for less, page by page.`);
    this.rows.push(row);
  }
}

/** Also where there are no rows, so that a statement does not begin to fail when there are. Throws `PermanentError`. */
export function assertColumns(columns: readonly string[]): void {
  const twice = columns.find((column, index) => columns.indexOf(column) < index);
  const unusable = twice ?? columns.find((column) => column === "__proto__");
  if (unusable === undefined) return;
  const why = twice === undefined ? `has a column "${unusable}"` : `has two columns "${unusable}"`;
  throw new PermanentError(`The answer ${why}: give it a name of its own, as in: select a.id as order_id.`);
}
