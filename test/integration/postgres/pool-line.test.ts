/** Who waits for a connection of a small pool: for as long as the line moves, and no longer. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { openPool, type ConnectionPool } from "../../../src/postgres-connection/pool.ts";
import { testDatabase } from "../../support/servers.ts";

const STAND_MS = 500;
const UNREACHABLE = { code: "postgres_unreachable" };

function pool(connectionString: string, max: number): ConnectionPool {
  const connection = { connectionString, connectionTimeoutMillis: STAND_MS };
  return openPool({ connection, max, prepare: false, idleMs: 0, answerMs: 0 });
}

const slow = (seconds: number) => ({ text: "select pg_sleep($1)", values: [seconds] });

test("a burst that takes longer than a connection may take is worked off in order, and nobody is sent away", async () => {
  await using database = await testDatabase();
  const two = pool(database.url, 2);
  const served: number[] = [];
  // Each connection has sixteen of these one behind another: 1.6 seconds.
  const asks = Array.from({ length: 32 }, (_, n) => two.query(slow(0.1)).then(() => void served.push(n)));
  await Promise.all(asks);
  const late = served.map((n, place) => Math.abs(n - place));
  expect(Math.max(...late)).toBeLessThanOrEqual(2);
  await two.close();
});

test("in a line that does not move everybody is sent away, and those who come later are served", async () => {
  await using database = await testDatabase();
  const one = pool(database.url, 1);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let begun = (): void => undefined;
  const has = new Promise<void>((resolve) => (begun = resolve));
  const holder = one.use(async () => {
    begun();
    await held;
  });
  await has;
  const others = await Promise.allSettled([one.query(slow(0)), one.query(slow(0))]);
  expect(others).toMatchObject([
    { status: "rejected", reason: UNREACHABLE },
    { status: "rejected", reason: UNREACHABLE },
  ]);
  release();
  await holder;
  expect(await one.query({ text: "select 1 as n" })).toEqual([{ n: 1 }]);
  await one.close();
});

test("before a server that does not answer all fail together, and not one after another", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on("error", () => undefined)));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const one = pool(`postgres://user@127.0.0.1:${port}/shop`, 1);
  const before = performance.now();
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => one.query(slow(0))));
  for (const result of results) expect(result).toMatchObject({ status: "rejected", reason: UNREACHABLE });
  expect(performance.now() - before).toBeLessThan(10 * STAND_MS);
  for (const socket of sockets) socket.destroy();
  silent.close();
  await one.close();
});
