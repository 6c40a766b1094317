/** TCP connections that actions make: to the addresses that calls may go to, and to no other. */
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { FlowForgeError } from "../../../src/core/errors.ts";
import type { ConnectTarget, Outbound, OutboundSocket } from "../../../src/core/definition/outbound.ts";
import { GOOD, useScene } from "./scene.ts";

const scene = useScene();

async function codeOf(connection: Promise<OutboundSocket>): Promise<string> {
  const error: unknown = await connection.then(
    (socket) => `connected: ${String(socket.destroy())}`,
    (reason: unknown) => reason,
  );
  const cause = error instanceof Error ? error.cause : error;
  if (!(cause instanceof FlowForgeError)) throw error as Error;
  return cause.code;
}

const to = ({ connect }: Outbound, target: Partial<ConnectTarget>): Promise<OutboundSocket> =>
  connect({ host: GOOD, port: scene.port, ...target });

test("a connection to a public address is a socket that carries what is written", async () => {
  const socket = await to(scene.outbound(), {});
  if (!(socket instanceof Socket)) throw new Error("It is no socket.");
  socket.end("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toContain("hello");
});

test.each(["127.0.0.1", "localhost", "0x7f.1", "::1", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"])(
  "to %s is refused, and nothing gets there",
  async (host) => {
    expect(await codeOf(to(scene.outbound(), { host }))).toBe("outbound_address_refused");
    expect(scene.trapped).toBe(0);
  },
);

test("a name is looked up once, and one bad address of it is enough", async () => {
  let asked = 0;
  const answers = [[GOOD], [GOOD, "127.0.0.1"]];
  const resolve = async () => answers[asked++]!.map((address) => ({ address, family: 4 }));
  const outbound = scene.outbound({}, { resolve });
  (await to(outbound, { host: "mail.example" })).destroy();
  expect(asked).toBe(1);
  expect(await codeOf(to(outbound, { host: "mail.example" }))).toBe("outbound_address_refused");
  expect(asked).toBe(2);
});

test("the lists of the engine and of the credential both count, whatever the case of the name", async () => {
  const resolve = async () => [{ address: GOOD, family: 4 }];
  const outbound = scene.outbound({ allowHosts: ["*.example"] }, { resolve });
  (await to(outbound, { host: "Mail.Example" })).destroy();
  (await to(outbound, { host: "mail.example", allowHosts: ["mail.example"] })).destroy();
  expect(await codeOf(to(outbound, { host: "mail.test" }))).toBe("outbound_host_refused");
  expect(await codeOf(to(outbound, { host: "mail.example", allowHosts: ["other.example"] }))).toBe(
    "outbound_host_refused",
  );
});

test("the engine's own servers are refused", async () => {
  const own = scene.outbound({}, { ownServers: [{ host: GOOD, port: scene.port }] });
  expect(await codeOf(to(own, {}))).toBe("outbound_address_refused");
  (await to(own, { port: scene.otherPort })).destroy();
});

test.each([0, 70_000, 1.5, Number.NaN])("port %s is refused", async (port) => {
  expect(await codeOf(to(scene.outbound(), { port }))).toBe("outbound_request_refused");
});

test("nobody listens: the error of the system; called off: the reason", async () => {
  const outbound = scene.outbound();
  await expect(to(outbound, { port: 1 })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  const reason = new Error("no more");
  await expect(to(outbound, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
