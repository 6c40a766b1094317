import { connect } from "./connect.ts";
import { Engine } from "./engine.ts";
import { type EngineOptions, parseOptions } from "./options.ts";

/**
 * Makes an engine. Nothing is connected before `start()`.
 *
 * Without `postgres` the engine starts a private PostgreSQL server of its own; with `postgres` it uses yours; with `redis` too,
 * the queue moves to Redis and more processes can work. The code that uses the engine is the same.
 *
 * Throws `option_invalid` for a wrong or misspelled option, `action_duplicate` for two actions of one name.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  return new Engine(parseOptions(options), connect);
}
