import type { Logger } from "../core/ports/logger.ts";

const nothing = (): void => {};

/** Says nothing: a library must not write to the host's output unasked. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
