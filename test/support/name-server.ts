/** A name server on this machine that answers as a test says: for A and AAAA questions, with a time to live of 0. */
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, isIP } from "node:net";
import ipaddr from "ipaddr.js";

export interface NameServer extends AsyncDisposable {
  /** Asks this server, for both kinds of addresses. */
  resolve(hostname: string): Promise<readonly { address: string; family: number }[]>;
  /** Questions that came, by name. */
  readonly asked: ReadonlyMap<string, number>;
}

const TYPE_A = 1;
const TYPE_AAAA = 28;

/** `answers`: the addresses of a name, given how often it was asked for addresses of that family before. */
export async function startNameServer(
  answers: (name: string, before: number) => readonly string[],
): Promise<NameServer> {
  const socket = createSocket("udp4");
  const asked = new Map<string, number>();
  socket.on("message", (message, from) => {
    const { name, type, end } = question(message);
    const key = `${name} ${type}`;
    const before = asked.get(key) ?? 0;
    asked.set(key, before + 1);
    const family = type === TYPE_A ? 4 : type === TYPE_AAAA ? 6 : 0;
    const addresses = answers(name, before).filter((address) => isIP(address) === family);
    socket.send(reply(message.subarray(0, end), type, addresses), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const resolver = new Resolver({ tries: 1 });
  resolver.setServers([`127.0.0.1:${(socket.address() as AddressInfo).port}`]);
  const none = (): string[] => [];
  return {
    asked,
    async resolve(hostname) {
      const [four, six] = await Promise.all([
        resolver.resolve4(hostname).catch(none),
        resolver.resolve6(hostname).catch(none),
      ]);
      return [
        ...four.map((address) => ({ address, family: 4 })),
        ...six.map((address) => ({ address, family: 6 })),
      ];
    },
    async [Symbol.asyncDispose]() {
      resolver.cancel();
      socket.close();
    },
  };
}

function question(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function reply(asked: Buffer, type: number, addresses: readonly string[]): Buffer {
  const header = Buffer.from(asked.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.fill(0, 8, 12);
  const records = addresses.map((address) => {
    // The URL parser writes an IPv6 address without dots, which the library reads as meaning something else.
    const plain = isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
    const bytes = Buffer.from(ipaddr.parse(plain).toByteArray());
    const record = Buffer.alloc(12);
    // The name is that of the question; class IN, 0 seconds to live.
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([header, asked.subarray(12), ...records]);
}
