/** Which addresses workflows may call. */
import { describe, expect, test } from "vitest";
import { isAllowedAddress, parseNetwork } from "../../../src/security/outbound/addresses.ts";
import { bareHost, isAllowedHost } from "../../../src/security/outbound/rules.ts";
import { NOT_PUBLIC, PRIVATE, PUBLIC } from "../../support/addresses.ts";

const strict = { allowPrivateNetwork: false, allowNetworks: [] };
const lax = { allowPrivateNetwork: true, allowNetworks: [] };
const networks = (...texts: string[]) => texts.map((text) => parseNetwork(text)!);

describe("an address", () => {
  test.each(PUBLIC)("%s is public", (address) => {
    expect(isAllowedAddress(address, strict)).toBe(true);
  });

  test.each([...PRIVATE, ...NOT_PUBLIC])("%s is refused", (address) => {
    expect(isAllowedAddress(address, strict)).toBe(false);
  });

  test.each(PRIVATE)("%s is allowed where private networks are", (address) => {
    expect(isAllowedAddress(address, lax)).toBe(true);
  });

  test.each(NOT_PUBLIC)("%s is refused even where private networks are allowed", (address) => {
    expect(isAllowedAddress(address, lax)).toBe(false);
  });

  test.each(["", "example.com", "fe80::1%eth0", "2606:4700::1%1", "1.1.1.1/32", "[::1]", "1.1.1.1:80"])(
    "%j is none, and refused",
    (text) => {
      expect(isAllowedAddress(text, lax)).toBe(false);
    },
  );

  test("is allowed by a network that is named, and by no other", () => {
    const rules = { allowPrivateNetwork: false, allowNetworks: networks("10.1.0.0/16", "fd00::5") };
    for (const address of ["10.1.0.1", "10.1.255.255", "::ffff:10.1.2.3", "fd00::5"])
      expect(isAllowedAddress(address, rules)).toBe(true);
    for (const address of ["10.2.0.1", "fd00::6", "192.168.0.1"])
      expect(isAllowedAddress(address, rules)).toBe(false);
  });

  test("of a metadata service has to be named itself", () => {
    const allowNetworks = networks("169.254.169.254");
    expect(isAllowedAddress("169.254.169.254", { allowPrivateNetwork: false, allowNetworks })).toBe(true);
    expect(isAllowedAddress("169.254.170.2", { allowPrivateNetwork: false, allowNetworks })).toBe(false);
  });
});

test.each(["", "10.0.0.0/33", "10.0.0/8x", "example.com", "fe80::1%eth0"])("%j is no network", (text) => {
  expect(parseNetwork(text)).toBeNull();
});

describe("a host", () => {
  const rules = ["api.example.com", "*.shop.example", "203.0.113.5", "::1"];

  test.each([
    "api.example.com",
    "api.example.com.",
    "a.shop.example",
    "a.b.shop.example",
    "203.0.113.5",
    "[::1]",
  ])("%s is allowed", (host) => {
    expect(isAllowedHost(host, rules)).toBe(true);
  });

  test.each([
    "example.com",
    "x.api.example.com",
    "shop.example",
    "evilshop.example",
    "api.example.com.evil.org",
  ])("%s is not", (host) => {
    expect(isAllowedHost(host, rules)).toBe(false);
  });

  test("of any name is allowed where no list is given; of none where it is empty", () => {
    expect(isAllowedHost("anything", null)).toBe(true);
    expect(isAllowedHost("anything", [])).toBe(false);
  });

  test("has brackets and a last dot in URLs only", () => {
    expect([bareHost("[::1]"), bareHost("localhost."), bareHost("a.b")]).toEqual(["::1", "localhost", "a.b"]);
  });
});
