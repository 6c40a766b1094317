/** A payment service as it is met in the field: it notes every request before it answers, and misbehaves when it is told to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Noted {
  /** `charge`: money has moved. `ask`: somebody looked whether it had. `at`: an action came to this point. */
  readonly what: "charge" | "ask" | "at";
  /** The name of an effect class, or that of a moment for `at`. */
  readonly of: string;
  readonly key: string;
}

/** What becomes of the first charge under each key, once it is noted. */
export type Mood = "calm" | "reset" | "502" | "hang";

/** `POST /charge/<class>`, `GET /charge/<class>` (404 where there is none) and `POST /at/<moment>`. */
export class Provider implements AsyncDisposable {
  readonly noted: Noted[] = [];
  mood: Mood = "calm";
  /** Requests of this kind are noted and get no answer until `release`. */
  holding: string | null = null;
  readonly #server: Server;
  #held: ServerResponse[] = [];

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(what: Noted["what"], of: string): number {
    return this.noted.filter((one) => one.what === what && one.of === of).length;
  }

  /** Keys under which money was moved. */
  keys(of: string): ReadonlySet<string> {
    return new Set(this.noted.filter((one) => one.what === "charge" && one.of === of).map(({ key }) => key));
  }

  get held(): number {
    return this.#held.length;
  }

  release(): void {
    this.holding = null;
    for (const response of this.#held.splice(0)) response.end("{}");
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [, where = "", of = ""] = (request.url ?? "").split("/");
    const key = String(request.headers["idempotency-key"]);
    const what = where === "at" ? "at" : request.method === "GET" ? "ask" : "charge";
    const isFirst = !this.noted.some((one) => one.what === "charge" && one.key === key);
    this.noted.push({ what, of, key });
    if (this.holding === (what === "at" ? of : what)) return void this.#held.push(response);
    if (what === "ask") return void response.writeHead(isFirst ? 404 : 200).end(JSON.stringify({ id: key }));
    if (what === "charge" && isFirst) return this.#misbehave(request, response, key);
    response.end(JSON.stringify({ id: key }));
  }

  #misbehave(request: IncomingMessage, response: ServerResponse, key: string): void {
    switch (this.mood) {
      case "reset":
        return void request.resume().on("end", () => request.socket.resetAndDestroy());
      case "502":
        return void response.writeHead(502).end();
      case "hang":
        return;
      case "calm":
        response.end(JSON.stringify({ id: key }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
