/** No address that is not public is called: directly, after a redirect, or through a name, also one that changes its mind. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Resolve } from "../../../src/security/outbound/connector.ts";
import type { OutboundHttp } from "../../../src/security/outbound/guarded-fetch.ts";
import { NOT_PUBLIC, PRIVATE } from "../../support/addresses.ts";
import { type NameServer, startNameServer } from "../../support/name-server.ts";
import { GOOD, refusalOf, useScene } from "./scene.ts";

const REFUSED = [...PRIVATE, ...NOT_PUBLIC];
/** The URL parser makes 127.0.0.1 of each. */
const DISGUISES = [
  "127.1",
  "2130706433",
  "0177.0.0.1",
  "0x7f000001",
  "①②⑦.⓪.⓪.①",
  "127。0。0。1",
  "%31%32%37.0.0.1",
  "[::ffff:127.0.0.1]",
];

const hostOf = (address: string): string => (address.includes(":") ? `[${address}]` : address);

const scene = useScene();

describe("an address that is not public", () => {
  test("may be called where a network is named", async () => {
    const answer = await scene.outbound().fetch(scene.urlOf(GOOD));
    expect([answer.status, await answer.text(), answer.url]).toEqual([200, "hello", scene.urlOf(GOOD)]);
  });

  test.each([...REFUSED.map(hostOf), ...DISGUISES])("%s is refused when it is called", async (host) => {
    expect(await refusalOf(scene.outbound().fetch(scene.urlOf(host)))).toBe("outbound_address_refused");
    expect(scene.trapped).toBe(0);
  });

  // A server cannot write the others into a header.
  const inHeaders = [...REFUSED.map(hostOf), ...DISGUISES].filter((host) => /^[ -~]*$/.test(host));
  test.each(inHeaders)("%s is refused as the end of a redirect", async (host) => {
    for (const status of [301, 302, 303, 307, 308]) {
      scene.respond = (_, response) => void response.writeHead(status, { location: scene.urlOf(host) }).end();
      expect(await refusalOf(scene.outbound().fetch(scene.urlOf(GOOD)))).toBe("outbound_address_refused");
    }
    expect([scene.seen.length, scene.trapped]).toEqual([5, 0]);
  });

  describe("that a name stands for", () => {
    let names: NameServer;

    beforeAll(async () => {
      names = await startNameServer((name, before) => {
        const [label] = name.split(".");
        if (label === "good") return [GOOD];
        if (label === "mixed") return [GOOD, "127.0.0.1"];
        if (label === "sixth") return [GOOD, "::1"];
        if (label === "rebinding") return [before === 0 ? GOOD : "127.0.0.1"];
        const index = Number(label!.slice(1));
        return label!.startsWith("r") ? (before === 0 ? [GOOD] : [REFUSED[index]!]) : [REFUSED[index]!];
      });
    });
    afterAll(() => names[Symbol.asyncDispose]());
    const byName = (): OutboundHttp => scene.outbound({}, { resolve: (name) => names.resolve(name) });

    test("a good name is called", async () => {
      const answer = await byName().fetch(scene.urlOf("good.test"));
      expect([answer.status, scene.seen[0]!.headers.host]).toEqual([200, `good.test:${scene.port}`]);
    });

    test.each(REFUSED.map((address, index) => [address, index] as const))(
      "%s is refused",
      async (_, index) => {
        expect(await refusalOf(byName().fetch(scene.urlOf(`a${index}.test`)))).toBe(
          "outbound_address_refused",
        );
        scene.respond = (__, response) =>
          void response.writeHead(302, { location: scene.urlOf(`a${index}.test`) }).end();
        expect(await refusalOf(byName().fetch(scene.urlOf("good.test")))).toBe("outbound_address_refused");
        expect(scene.trapped).toBe(0);
      },
    );

    test.each(REFUSED.map((address, index) => [address, index] as const))(
      "%s is never connected to by a name that answers differently the second time",
      async (_, index) => {
        const one = byName();
        // The first answer is what was checked, and what was connected to.
        const answer = await one.fetch(scene.urlOf(`r${index}.test`), { headers: { accept: "text/html" } });
        expect(await answer.text()).toBe("hello");
        expect(names.asked.get(`r${index}.test 1`)).toBe(1);
        await one.close();
        expect(await refusalOf(byName().fetch(scene.urlOf(`r${index}.test`)))).toBe(
          "outbound_address_refused",
        );
        expect(scene.trapped).toBe(0);
      },
    );

    test.each(["mixed.test", "sixth.test"])("one bad address among good ones is enough: %s", async (name) => {
      for (let i = 0; i < 5; i++)
        expect(await refusalOf(byName().fetch(scene.urlOf(name)))).toBe("outbound_address_refused");
      expect([scene.seen.length, scene.trapped]).toEqual([0, 0]);
    });

    test("a name without addresses is an error that is tried again", async () => {
      const none = scene.outbound({}, { resolve: async () => [] });
      await expect(none.fetch(scene.urlOf("none.test"))).rejects.toMatchObject({
        cause: { code: "ENOTFOUND" },
      });
    });
  });

  test("is refused by the system's resolver too", async () => {
    for (const host of ["localhost", "LOCALHOST.", "localhost."])
      expect(await refusalOf(scene.outbound().fetch(scene.urlOf(host)))).toBe("outbound_address_refused");
    expect(scene.trapped).toBe(0);
  });

  test("can be called where private networks are allowed; metadata services cannot", async () => {
    const lax = scene.outbound({ allowPrivateNetwork: true });
    expect(await (await lax.fetch(scene.urlOf("127.0.0.1"))).text()).toBe("secret");
    expect(await refusalOf(lax.fetch("http://169.254.169.254/"))).toBe("outbound_address_refused");
  });

  test("of one of the engine's own servers is refused whatever is allowed", async () => {
    const names: Resolve = async (name) => [{ address: name === "db" ? "127.0.0.1" : GOOD, family: 4 }];
    const lax = (host: string): OutboundHttp =>
      scene.outbound(
        { allowPrivateNetwork: true },
        { resolve: names, ownServers: [{ host, port: scene.port }] },
      );
    for (const own of ["127.0.0.1", "db"])
      for (const called of ["127.0.0.1", "db"])
        expect(await refusalOf(lax(own).fetch(scene.urlOf(called)))).toBe("outbound_address_refused");
    expect((await lax("db").fetch(scene.urlOf("web"))).status).toBe(200);
    expect((await lax(GOOD).fetch(`http://${GOOD}:${scene.otherPort}/`)).status).toBe(200);
  });
});

test("what stands for the forbidden server can be reached from here, so that a refusal means something", async () => {
  const socket = connect(scene.port, "127.0.0.1");
  await once(socket, "connect");
  socket.destroy();
  await expect.poll(() => scene.trapped).toBe(1);
});
