/** Where the engine's own servers listen, as far as its options say: no workflow may talk to them, whatever else is allowed. */
import type { OwnServer } from "../security/outbound/connector.ts";
import { serversOf } from "../redis/servers.ts";
import type { ParsedOptions } from "./options.ts";

const POSTGRES_PORT = 5432;
const REDIS_PORT = 6379;

interface Place {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
}

/** Of a cluster those that are named, or that a client which is passed in knows. */
export function ownServers(
  postgres: NonNullable<ParsedOptions["postgres"]>,
  ...redis: readonly ParsedOptions["redis"][]
): readonly OwnServer[] {
  const servers = [serverAt(postgres, POSTGRES_PORT), ...redis.flatMap(redisServers)];
  return servers.filter((server) => server !== null);
}

function redisServers(given: ParsedOptions["redis"]): readonly (OwnServer | null)[] {
  if (given === null) return [];
  if (typeof given === "string") return [serverOf(given, REDIS_PORT)];
  return serversOf(given).map((server) => ("path" in server ? null : server));
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
