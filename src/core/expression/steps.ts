/** Counts the work of expressions: a workflow may come from a stranger, and evaluation blocks the process. */
import { EXPRESSION_LIMITS } from "./limits.ts";

/** One allowance serves one expression, or all that one node evaluates together. */
export class Steps {
  #left: number;

  constructor(steps: number = EXPRESSION_LIMITS.maxSteps) {
    this.#left = steps;
  }

  /** Throws once more has been spent than there was. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new RangeError("the expression takes too many steps");
  }

  /** For work, done so many times, that is linear in the size of a value, without a look at what its parts hold. */
  spendOn(value: unknown, times = 1): void {
    if (typeof value === "string") this.spend((value.length / CHARACTERS_PER_STEP) * times);
    else if (typeof value === "object" && value !== null)
      this.spend((countOf(value) / PARTS_PER_STEP) * times);
  }

  /** For work that may look at every part of a value, however deep. */
  spendDeeplyOn(value: unknown): void {
    this.spendOn(value);
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    for (const part of Object.values(value)) this.spendDeeplyOn(part);
  }
}

/** A step is about half a microsecond; in that time CEL copies, compares or searches about as much as this. */
const CHARACTERS_PER_STEP = 100;
const PARTS_PER_STEP = 20;

function countOf(value: object): number {
  if (Array.isArray(value)) return value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  return Object.keys(value).length;
}
