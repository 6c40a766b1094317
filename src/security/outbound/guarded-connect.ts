/** TCP connections for actions that do not speak HTTP: to the same addresses as guarded calls, checked in the same way. */
import { connect, type LookupFunction, type Socket } from "node:net";
import type { ConnectTarget, OutboundConnect } from "../../core/definition/outbound.ts";
import { isAllowedAddress } from "./addresses.ts";
import { addressRefused, checkedAddresses, type ConnectorParts, type HostAddress } from "./connector.ts";
import { refusal } from "./refusal.ts";
import { bareHost, isAllowedHost } from "./rules.ts";

export function guardedConnect(parts: ConnectorParts): OutboundConnect {
  return async ({ signal, ...target }) => {
    signal?.throwIfAborted();
    assertTarget(target, parts);
    const host = bareHost(target.host).toLowerCase();
    const addresses = await checkedAddresses({ host, port: target.port }, parts);
    const timeout = AbortSignal.timeout(parts.rules.connectTimeoutMs);
    const socket = await opened(
      { host, port: target.port, addresses },
      signal ? AbortSignal.any([signal, timeout]) : timeout,
    );
    // The last look is at what is really connected.
    if (isAllowedAddress(socket.remoteAddress ?? "", parts.rules)) return socket;
    socket.destroy();
    throw addressRefused(host);
  };
}

function assertTarget({ host, port, allowHosts = null }: ConnectTarget, { rules }: ConnectorParts): void {
  const subject = `the connection to ${host}:${port}`;
  if (host === "" || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw refusal("outbound_request_refused", {
      subject,
      expected: "a host, and a port from 1 to 65535",
      next: "Correct the address.",
    });
  }
  if ([rules.allowHosts, allowHosts].every((list) => isAllowedHost(host.toLowerCase(), list))) return;
  throw refusal("outbound_host_refused", {
    subject,
    received: `the host ${host}`,
    next: "Where it is meant, let the host application add the name to the list that the engine, or the credential, has.",
  });
}

interface Checked {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly HostAddress[];
}

function opened({ host, port, addresses }: Checked, signal: AbortSignal): Promise<Socket> {
  const lookup: LookupFunction = (_hostname, asked, answer) =>
    asked.all ? answer(null, [...addresses]) : answer(null, addresses[0]!.address, addresses[0]!.family);
  return new Promise((done, fail) => {
    const socket = connect({ host, port, lookup });
    const abort = (): void => void socket.destroy(asError(signal.reason));
    const settle = (): void => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    socket.once("error", (error) => {
      settle();
      fail(error);
    });
    socket.once("connect", () => {
      settle();
      socket.removeAllListeners("error");
      done(socket);
    });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("The connection was called off.", { cause: reason });
}
