/** A connection that is away reports itself many times a second; a log wants to hear it now and then. */
import type { Logger } from "../core/ports/logger.ts";

const EVERY_MS = 10_000;

/** Logs the first error at once, then at most one in ten seconds with the number of those left out. */
export function errorLog(logger: Logger, fields: object, message: string): (error: unknown) => void {
  let nextAt = 0;
  let leftOut = 0;
  return (error) => {
    const now = performance.now();
    if (now < nextAt) {
      leftOut += 1;
      return;
    }
    nextAt = now + EVERY_MS;
    logger.warn({ ...fields, error, ...(leftOut > 0 ? { leftOut } : {}) }, message);
    leftOut = 0;
  };
}
