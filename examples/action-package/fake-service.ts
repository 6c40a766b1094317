/** The chat service as a test needs it: it keeps messages with their tags, and fails as it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Kept {
  readonly id: string;
  readonly channel: string;
  readonly text: string;
  readonly tag: string;
}

export const TOKEN = "xoxb-1234567890";

export class FakeService {
  readonly messages: Kept[] = [];
  /** A status, or a code of the service; `null`: it works. */
  failure: number | string | null = null;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  url = "";

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    if (url.searchParams.get("channel") === "#silent") return;
    if (typeof this.failure === "number") return void response.writeHead(this.failure).end();
    const ok = request.headers.authorization === `Bearer ${TOKEN}`;
    const error = ok ? this.failure : "not_allowed";
    const messages = error === null ? await this.#messages(request, url) : [];
    response.end(JSON.stringify(error === null ? { ok: true, messages } : { ok: false, error }));
  }

  async #messages(request: IncomingMessage, url: URL): Promise<readonly Kept[]> {
    if (request.method === "POST") {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const message = { id: `m${this.messages.length + 1}`, ...(JSON.parse(body) as Omit<Kept, "id">) };
      this.messages.push(message);
      return [message];
    }
    const [channel, tag] = [url.searchParams.get("channel"), url.searchParams.get("tag")];
    return this.messages.filter((one) => one.channel === channel && (tag === null || one.tag === tag));
  }
}
