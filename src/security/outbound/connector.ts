/**
 * Connects for outbound calls. The addresses of a name are looked up once, every one of them is checked, and the connection is
 * made to those very addresses: a name server that answers differently the next time is not asked again. TLS still verifies the name.
 */
import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { isAllowedAddress } from "./addresses.ts";
import { refusal } from "./refusal.ts";
import { bareHost, type OutboundRules } from "./rules.ts";

export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly HostAddress[]>;

/** Servers that no workflow may talk to, whatever their addresses: the engine's own. */
export interface OwnServer {
  readonly host: string;
  readonly port: number;
}

export interface ConnectorParts {
  readonly rules: OutboundRules;
  readonly ownServers: readonly OwnServer[];
  readonly resolve?: Resolve;
}

/** What the system's resolver says, the hosts file included. */
const systemResolve: Resolve = (hostname) =>
  new Promise((done, fail) => {
    lookup(hostname, { all: true, verbatim: true }, (error, addresses) =>
      error ? fail(error) : done(addresses),
    );
  });

export function checkedConnector(parts: ConnectorParts): buildConnector.connector {
  const { rules } = parts;
  return (options, callback) => {
    const host = bareHost(options.hostname);
    const fail = (error: unknown): void => callback(error as Error, null);
    const connect = (addresses: readonly HostAddress[]): void => {
      const lookupChecked: LookupFunction = (_hostname, asked, answer) =>
        asked.all ? answer(null, [...addresses]) : answer(null, addresses[0]!.address, addresses[0]!.family);
      buildConnector({ lookup: lookupChecked, timeout: rules.connectTimeoutMs })(options, (...answer) => {
        const [, socket] = answer;
        // The last look is at what is really connected.
        if (!socket || isAllowedAddress(socket.remoteAddress ?? "", rules)) return callback(...answer);
        socket.destroy();
        fail(addressRefused(host));
      });
    };
    checkedAddresses({ host, port: portOf(options) }, parts).then(connect, fail);
  };
}

/** Every address of the target. Throws where one of them may not be connected to. */
export async function checkedAddresses(
  target: OwnServer,
  { rules, ownServers, resolve = systemResolve }: ConnectorParts,
): Promise<readonly HostAddress[]> {
  const addresses = await addressesOf(target.host, resolve);
  if (addresses.length === 0)
    throw Object.assign(new Error(`No address of ${target.host} was found.`), NOT_FOUND);
  // One bad address is enough: which of them is taken depends on how fast they answer.
  if (!addresses.every(({ address }) => isAllowedAddress(address, rules))) throw addressRefused(target.host);
  if (await isOwnServer(target.port, addresses, { ownServers, resolve })) throw addressRefused(target.host);
  return addresses;
}

const NOT_FOUND = { code: "ENOTFOUND", syscall: "getaddrinfo" } as const;

async function addressesOf(host: string, resolve: Resolve): Promise<readonly HostAddress[]> {
  const family = isIP(host);
  return family === 0 ? resolve(host) : [{ address: host, family }];
}

async function isOwnServer(
  port: number,
  addresses: readonly HostAddress[],
  { ownServers, resolve }: { readonly ownServers: readonly OwnServer[]; readonly resolve: Resolve },
): Promise<boolean> {
  for (const own of ownServers) {
    if (own.port !== port) continue;
    const theirs = await addressesOf(own.host, resolve).catch(() => []);
    if (theirs.some(({ address }) => addresses.some((each) => each.address === address))) return true;
  }
  return false;
}

function portOf({ port, protocol }: buildConnector.Options): number {
  return Number(port) || (protocol === "https:" ? 443 : 80);
}

export function addressRefused(host: string): Error {
  return refusal("outbound_address_refused", {
    subject: `the host ${host}`,
    expected: "only addresses on the public internet",
    next: "Where the call is meant, let the host application allow the address in the engine's `http` options.",
  });
}
