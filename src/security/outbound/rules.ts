/** What a host allows for outbound calls: as it is written, and parsed once. */
import { isIP } from "node:net";
import { z } from "zod";
import type { Duration } from "../../core/definition/document.ts";
import { parseDuration } from "../../core/definition/duration.ts";
import { type AddressRules, type Network, parseNetwork } from "./addresses.ts";

export interface OutboundOptions {
  /**
   * Calls to private addresses too: RFC 1918, loopback, unique local and shared address space. Link-local addresses and the
   * metadata services of clouds stay refused. Default false.
   */
  readonly allowPrivateNetwork?: boolean | undefined;
  /** Addresses and networks (`10.1.2.3`, `10.1.0.0/16`) that may be called though they are not public. Default none. */
  readonly allowNetworks?: readonly string[] | undefined;
  /** Hosts that may be called, and no others: `api.example.com`, or `*.example.com` for every name below. Default: all. */
  readonly allowHosts?: readonly string[] | undefined;
  /** For a connection, TLS included. Default 5s. */
  readonly connectTimeout?: Duration | undefined;
  /** Until the answer's headers are there. Default 15s. */
  readonly headersTimeout?: Duration | undefined;
  /** For the whole call, redirects and body included. Default 60s. */
  readonly timeout?: Duration | undefined;
  /** Of an answer's body, after it was decompressed. 1 to 1 GiB. Default 10 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** How many redirects a call follows. 0 to 20. Default 5. */
  readonly maxRedirects?: number | undefined;
}

export interface OutboundRules extends AddressRules {
  /** Lower case; `null`: all. */
  readonly allowHosts: readonly string[] | null;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly maxRedirects: number;
}

export const HOST_PATTERN: RegExp = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?$/i;
const network = z
  .string()
  .refine((text) => parseNetwork(text) !== null, "an address or a network, as 10.1.0.0/16");
const host = z
  .string()
  .refine(
    (text) => HOST_PATTERN.test(text) || isIP(text) !== 0,
    "a host name, as api.example.com or *.example.com",
  );
const duration = z.union([z.string(), z.number()], "a duration").optional();

export const outboundSchema: z.ZodObject = z.strictObject({
  allowPrivateNetwork: z.boolean("true or false").optional(),
  allowNetworks: z.array(network, "a list of networks").optional(),
  allowHosts: z.array(host, "a list of host names").optional(),
  connectTimeout: duration,
  headersTimeout: duration,
  timeout: duration,
  maxResponseBytes: z
    .int("a whole number")
    .min(1, "at least 1")
    .max(2 ** 30, "at most 1 GiB")
    .optional(),
  maxRedirects: z.int("a whole number").min(0, "at least 0").max(20, "at most 20").optional(),
});

/** The options, checked against `outboundSchema` before. Throws `duration_invalid`. */
export function parseOutbound(options: OutboundOptions = {}): OutboundRules {
  const ms = (name: "connectTimeout" | "headersTimeout" | "timeout", otherwise: number): number => {
    const value = options[name];
    return value === undefined ? otherwise : parseDuration(value, `option "http.${name}"`);
  };
  return {
    allowPrivateNetwork: options.allowPrivateNetwork ?? false,
    allowNetworks: (options.allowNetworks ?? []).map((text) => parseNetwork(text) as Network),
    allowHosts: options.allowHosts?.map((name) => name.toLowerCase()) ?? null,
    connectTimeoutMs: ms("connectTimeout", 5_000),
    headersTimeoutMs: ms("headersTimeout", 15_000),
    timeoutMs: ms("timeout", 60_000),
    maxResponseBytes: options.maxResponseBytes ?? 10 * 2 ** 20,
    maxRedirects: options.maxRedirects ?? 5,
  };
}

/** `hostname` as a URL has it: lower case, an IPv6 address in brackets, perhaps with a dot at its end. */
export function isAllowedHost(hostname: string, allowHosts: readonly string[] | null): boolean {
  if (!allowHosts) return true;
  const name = bareHost(hostname);
  return allowHosts.some((allowed) =>
    allowed.startsWith("*.") ? name.endsWith(allowed.slice(1)) : name === allowed,
  );
}

/** Without brackets and without the dot of the root. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}
