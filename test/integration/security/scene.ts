/**
 * Servers for calls that workflows make. 127.0.0.2 is made a public address by the rules; 127.0.0.1, where something listens on the
 * same port, stands for all that must not be reached.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { FlowForgeError } from "../../../src/core/errors.ts";
import type { OwnServer, Resolve } from "../../../src/security/outbound/connector.ts";
import { OutboundHttp } from "../../../src/security/outbound/guarded-fetch.ts";
import { type OutboundOptions, parseOutbound } from "../../../src/security/outbound/rules.ts";

export const GOOD = "127.0.0.2";

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export class Scene {
  /** Requests that reached a good server. */
  readonly seen: Seen[] = [];
  /** Connections to the forbidden one. */
  trapped = 0;
  respond: RequestListener = () => undefined;
  readonly #servers: Server[] = [];
  readonly #open: OutboundHttp[] = [];

  async open(): Promise<void> {
    const note: RequestListener = (request, response) =>
      void this.#note(request).then(() => this.respond(request, response));
    await this.#listen(note, GOOD);
    await this.#listen((_, response) => response.end("secret"), "127.0.0.1", this.port);
    this.#servers[1]!.on("connection", () => void this.trapped++);
    await this.#listen(note, GOOD);
  }

  reset(): void {
    this.seen.length = 0;
    this.trapped = 0;
    this.respond = (_, response) => void response.end("hello");
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((each) => each.close()));
    for (const server of this.#servers) server.closeAllConnections();
    for (const server of this.#servers) server.close();
  }

  get server(): Server {
    return this.#servers[0]!;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Of another good server. */
  get otherPort(): number {
    return (this.#servers[2]!.address() as AddressInfo).port;
  }

  urlOf(host: string): string {
    return `http://${host}:${this.port}/path`;
  }

  outbound(
    options: OutboundOptions = {},
    more: { readonly resolve?: Resolve; readonly ownServers?: readonly OwnServer[] } = {},
  ): OutboundHttp {
    const made = new OutboundHttp({ rules: parseOutbound({ allowNetworks: [GOOD], ...options }), ...more });
    this.#open.push(made);
    return made;
  }

  async #listen(listener: RequestListener, host: string, port = 0): Promise<void> {
    const server = createServer(listener).listen(port, host);
    await once(server, "listening");
    this.#servers.push(server);
  }

  async #note(request: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    this.seen.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
  }
}

/** A scene for the tests of the file. */
export function useScene(): Scene {
  const scene = new Scene();
  beforeAll(() => scene.open());
  beforeEach(() => scene.reset());
  afterAll(() => scene.close());
  return scene;
}

/** The code that the call was refused with. */
export async function refusalOf(call: Promise<Response>): Promise<string> {
  const error: unknown = await call.then(
    async (response) => `answered: ${await response.text()}`,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof FlowForgeError)) throw error;
  expect(error.name).toBe("PermanentError");
  return cause.code;
}
