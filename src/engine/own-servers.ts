/** Where the engine's own servers listen, as far as its options say: no workflow may talk to them, whatever else is allowed. */
import type { OwnServer } from "../security/outbound/connector.ts";
import type { ParsedOptions } from "./options.ts";

const POSTGRES_PORT = 5432;
const REDIS_PORT = 6379;

interface Place {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
}

/** Nodes of a cluster beyond the one that is known are not among them. */
export function ownServers(
  postgres: NonNullable<ParsedOptions["postgres"]>,
  ...redis: readonly ParsedOptions["redis"][]
): readonly OwnServer[] {
  const servers = [
    serverAt(postgres, POSTGRES_PORT),
    ...redis.map((one) => (one === null ? null : serverAt(one, REDIS_PORT))),
  ];
  return servers.filter((server) => server !== null);
}

/** An address, settings, or a client that holds its settings; `null`: not one that can be called by TCP. */
function serverAt(given: string | object, defaultPort: number): OwnServer | null {
  if (typeof given === "string") return serverOf(given, defaultPort);
  const place: Place = "options" in given ? (given.options as Place) : given;
  if (place.connectionString !== undefined) return serverOf(place.connectionString, defaultPort);
  const host = place.host ?? "localhost";
  return host.startsWith("/") ? null : { host, port: Number(place.port ?? defaultPort) };
}

function serverOf(address: string, defaultPort: number): OwnServer | null {
  if (!URL.canParse(address)) return null;
  const { hostname, port } = new URL(address);
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "" || host.startsWith("%2F") ? null : { host, port: Number(port) || defaultPort };
}
