/** Private Redis servers for tests. Where no `redis-server` is on PATH, root on Debian installs it; else there is none. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "../../src/postgres/embedded/cluster.ts";
import { waitFor } from "../../src/postgres/embedded/postmaster.ts";
import { startWatchdog } from "../../src/postgres/embedded/watchdog.ts";
import { control, type TestServer } from "./postgres.ts";
import { programOf } from "./programs.ts";

export const NO_REDIS: string =
  "No Redis for the tests: install it (apt-get install redis-server, brew install redis) or set FLOWFORGE_TEST_REDIS_URL.";

export interface RedisOptions {
  /** Default `false`: nothing survives a restart. `true`: everything does (appendonly, fsync always). */
  readonly durable?: boolean;
  /** More settings: `{ maxmemory: "64mb", "maxmemory-policy": "allkeys-lru" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A sentinel, with this text as the file that it must have and writes to, in place of all settings. */
  readonly sentinel?: (port: number) => string;
}

/** Throws with what to install where there is no Redis. */
export async function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  const program = await redisProgram();
  if (program === undefined) throw new Error(NO_REDIS);
  const home = await mkdtemp(path.join(tmpdir(), `flowforge-test-redis-${process.pid}-`));
  const pidFile = path.join(home, "redis.pid");
  const watchdog = startWatchdog({ pidFile, remove: home });
  const discard = async (): Promise<void> => {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
    watchdog.dismiss();
  };
  const launch = (port: number): Promise<number> => start({ program, home, pidFile, port, options });
  try {
    const port = await freePort();
    const pid = await launch(port);
    return control({ url: `redis://127.0.0.1:${port}`, port, pid, restart: () => launch(port), discard });
  } catch (error) {
    await discard();
    throw error;
  }
}

interface Launch {
  readonly program: string;
  readonly home: string;
  readonly pidFile: string;
  readonly port: number;
  readonly options: RedisOptions;
}

async function start({ program, home, pidFile, port, options }: Launch): Promise<number> {
  const durable = options.durable ?? false;
  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    port: String(port),
    dir: home,
    pidfile: pidFile,
    save: "",
    appendonly: durable ? "yes" : "no",
    appendfsync: "always",
    "maxmemory-policy": "noeviction",
    ...options.settings,
  };
  const args = options.sentinel
    ? await sentinelArgs({ home, pidFile }, options.sentinel(port))
    : Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, args, { detached: true, cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)));
  child.stderr.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)));
  let ended = false;
  child.once("error", () => (ended = true));
  child.once("exit", () => (ended = true));
  child.unref();
  for (const stream of [child.stdout, child.stderr])
    if ("unref" in stream) (stream as { unref(): void }).unref();
  const ready = await waitFor(async () => ended || (await answers(port)), 20_000);
  if (!ready || ended || child.pid === undefined) {
    child.kill("SIGKILL");
    throw new Error(`redis-server did not start on port ${port}: ${output}`);
  }
  return child.pid;
}

async function sentinelArgs(
  { home, pidFile }: Pick<Launch, "home" | "pidFile">,
  text: string,
): Promise<string[]> {
  const file = path.join(home, "sentinel.conf");
  await writeFile(file, `${text}dir ${home}\npidfile ${pidFile}\n`);
  return [file, "--sentinel"];
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port }, () => socket.write("PING\r\n"));
    // A server that still loads its data answers -LOADING.
    socket.once("data", (data) => {
      resolve(data.toString().startsWith("+PONG"));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}

let program: Promise<string | undefined> | undefined;

/** The path of `redis-server`; `undefined`: there is none and none can be installed. */
export function redisProgram(): Promise<string | undefined> {
  return (program ??= programOf({ names: ["redis-server", "valkey-server"], debian: "redis-server" }));
}
