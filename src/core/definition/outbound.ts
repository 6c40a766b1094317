/** How actions call others. */

/** As `fetch` of the platform. `allowHosts`: only these are called, after redirects too; `null`: whatever the engine allows. */
export type OutboundFetch = (
  input: string | URL | Request,
  init?: RequestInit & { readonly allowHosts?: readonly string[] | null },
) => Promise<Response>;

/** How an action reaches others. */
export interface Outbound {
  readonly fetch: OutboundFetch;
  readonly connect: OutboundConnect;
}

export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  /** Only these may be connected to; `null`: whatever the engine allows. Default `null`. */
  readonly allowHosts?: readonly string[] | null;
  /** Calls the connection off while it is being made. */
  readonly signal?: AbortSignal;
}

/** Gives a `Socket` of `node:net` that is connected. */
export type OutboundConnect = (target: ConnectTarget) => Promise<OutboundSocket>;

/** A `Socket` of `node:net`: narrow it with `instanceof`. */
export interface OutboundSocket {
  destroy(error?: Error): unknown;
  end(): unknown;
}
