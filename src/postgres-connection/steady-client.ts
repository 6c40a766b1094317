/**
 * A client of the driver that cannot end the process. An `error` event that nobody listens to ends a Node.js process, and there are
 * moments at which nobody can: the driver reads a whole packet at once, so that "ready for query" and "the server goes down" in
 * one packet are two events without a turn of the loop between them, while whoever waits for `connect()` gets his turn after both;
 * and a library that is done with a client takes its listeners off while the server may still speak.
 *
 * Every client that this project makes, or has made for it, is one of these.
 */
import pg from "pg";

export class SteadyClient extends pg.Client {
  #unheard: readonly unknown[] | null = null;

  /** As everywhere, but an `error` without a listener is kept. The driver fails every later query on such a client. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== "error" || this.listenerCount("error") > 0) return super.emit(event, ...args);
    this.#unheard ??= args;
    return false;
  }

  /** Tells the listeners that are there now of the error that came before them, once. */
  repeatUnheard(): void {
    const args = this.#unheard;
    this.#unheard = null;
    if (args !== null) this.emit("error", ...args);
  }
}
