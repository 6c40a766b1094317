/**
 * Which addresses are on the public internet. Everything else is refused: what is private, what belongs to this machine or
 * network, what is reserved, and every IPv6 form that carries an IPv4 address inside (NAT64, 6to4, Teredo).
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

export type Network = ReturnType<typeof ipaddr.parseCIDR>;
type Address = ReturnType<typeof ipaddr.parse>;

/** The only part of IPv6 from which public addresses were ever given out. Leaves out `::/96`, whose end is an IPv4 address. */
const GLOBAL_V6 = ipaddr.parseCIDR("2000::/3");
/**
 * Services that tell every process on the machine who it is, and give it keys: never called, even where private networks are
 * allowed. Azure's is a public address.
 */
const METADATA: readonly Network[] = [
  "169.254.0.0/16",
  "fe80::/10",
  "fd00:ec2::254/128",
  "100.100.100.200/32",
  "192.0.0.192/32",
  "168.63.129.16/32",
].map((text) => ipaddr.parseCIDR(text));
const PRIVATE = new Set(["private", "loopback", "uniqueLocal", "carrierGradeNat"]);

export interface AddressRules {
  /** Also what is private: RFC 1918, loopback, unique local, shared address space. Never the rest. */
  readonly allowPrivateNetwork: boolean;
  /** Networks that are allowed whatever they are. */
  readonly allowNetworks: readonly Network[];
}

/** Whether a connection to the address may be made. What is no address is not allowed. */
export function isAllowedAddress(text: string, rules: AddressRules): boolean {
  const address = parsed(text);
  if (!address) return false;
  if (isWithin(address, rules.allowNetworks)) return true;
  if (isWithin(address, METADATA)) return false;
  if (rules.allowPrivateNetwork && PRIVATE.has(address.range())) return true;
  return isPublic(address);
}

/** `null`: it is none, or one with a zone, which means something on this machine only. */
function parsed(text: string): Address | null {
  const family = isIP(text);
  if (family === 0 || text.includes("%")) return null;
  // An IPv4-mapped address is taken as what it stands for.
  return ipaddr.process(family === 4 ? text : hexForm(text));
}

/** The library reads `::8.8.8.8`, as system calls write it, as an IPv4-mapped address; `::808:808` is what it is. */
function hexForm(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function isPublic(address: Address): boolean {
  return address.range() === "unicast" && (address.kind() === "ipv4" || isWithin(address, [GLOBAL_V6]));
}

function isWithin(address: Address, networks: readonly Network[]): boolean {
  return networks.some((network) => network[0].kind() === address.kind() && address.match(network));
}

/** `null`: it is no network. An address alone is a network of one. */
export function parseNetwork(text: string): Network | null {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const family = isIP(text);
  if (family === 0 || text.includes("%")) return null;
  return [ipaddr.parse(text), family === 4 ? 32 : 128];
}
