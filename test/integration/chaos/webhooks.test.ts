/** A storm of deliveries, half of them sent twice, at receivers that are killed: as many runs as distinct ids. */
import { fork, type ChildProcess } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import path from "node:path";
import { Agent, request } from "node:http";
import { expect, test } from "vitest";
import { defineWorkflow } from "../../../src/index.ts";
import { shiftClock } from "../../support/shift-clock.ts";
import { onEachBackend, openBackend } from "../engine/backends.ts";

/** The full form: FLOWFORGE_DELIVERIES=10000. */
const DELIVERIES = Number(process.env["FLOWFORGE_DELIVERIES"] ?? 400);
const IN_FLIGHT = 32;
const SECRET = "hush";
const encryption = { keys: { k1: randomBytes(32).toString("base64") }, current: "k1" };

const orders = defineWorkflow({
  format: 1,
  name: "orders",
  nodes: {
    in: {
      kind: "trigger",
      source: { type: "webhook", path: "orders", signature: { scheme: "github", secret: "hook" } },
    },
    a: { kind: "wait", for: { signal: "never" } },
  },
  edges: [{ from: "in", to: "a" }],
});

class Receiver {
  readonly #child: ChildProcess;
  port = 0;

  private constructor(config: object) {
    this.#child = fork(path.join(import.meta.dirname, "webhook-receiver.ts"), [JSON.stringify(config)]);
  }

  static async start(config: object): Promise<Receiver> {
    const receiver = new Receiver(config);
    const [message] = (await once(receiver.#child, "message")) as [{ port: number }];
    receiver.port = message.port;
    return receiver;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }
}

interface Answer {
  readonly status: number;
  readonly runId: string | null;
  readonly ms: number;
}

/** Status 0: there was no answer. */
function send(agent: Agent, port: number, id: number): Promise<Answer> {
  const body = JSON.stringify({ order: id });
  const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-github-delivery": `d${id}`,
    "x-hub-signature-256": signature,
  };
  const sentAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const lost = (): void => resolve({ status: 0, runId: null, ms: 0 });
  const sent = request({ agent, port, host: "127.0.0.1", method: "POST", headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => void chunks.push(chunk));
    response.on("error", lost);
    response.on("end", () => {
      const status = response.statusCode!;
      const text = Buffer.concat(chunks).toString();
      const { runId = null } = status === 200 ? (JSON.parse(text) as { runId: string }) : {};
      resolve({ status, runId, ms: performance.now() - sentAt });
    });
  });
  sent.on("error", lost);
  sent.end(body);
  return promise;
}

function quantile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.floor(sorted.length * part)]! * 10) / 10;
}

onEachBackend("a storm of webhooks", (name) => {
  test("runs equal distinct ids, with the receiver killed twice", { timeout: 600_000 }, async () => {
    await using backend = await openBackend(name);
    const engine = backend.engine({ workflows: [orders], encryption });
    await engine.start();
    await engine.credentials.set("hook", { secret: SECRET });
    const config = { connection: { ...backend.connection, encryption } };
    let receiver = await Receiver.start(config);
    const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
    const distinct = DELIVERIES / 2;
    // Each id twice, the second time soon after the first: many at once.
    let todo = Array.from({ length: DELIVERIES }, (_, n) =>
      Math.min(distinct - 1, ((n >> 5) << 4) + (n & 15)),
    );
    expect(new Set(todo).size).toBe(distinct);
    const answered: Answer[] = [];
    const runOf = new Map<number, Set<string>>();
    const killAt = [Math.floor(DELIVERIES / 3), Math.floor((DELIVERIES * 2) / 3)];
    let killing: Promise<void> = Promise.resolve();
    let kills = 0;
    let sentAgain = 0;

    const restart = async (): Promise<void> => {
      kills++;
      await receiver.kill();
      receiver = await Receiver.start(config);
    };
    const failed: number[] = [];
    const sender = async (): Promise<void> => {
      for (let id = todo.shift(); id !== undefined; id = todo.shift()) {
        const answer = await send(agent, receiver.port, id);
        if (answer.status === 200) {
          answered.push(answer);
          runOf.set(id, (runOf.get(id) ?? new Set()).add(answer.runId!));
          if (answered.length >= (killAt[0] ?? Infinity)) {
            killAt.shift();
            killing = restart();
          }
        } else {
          // 503: somebody is at it, or was. 0: nobody knows what became of it.
          expect([0, 503]).toContain(answer.status);
          failed.push(id);
          await killing;
        }
      }
    };
    for (let round = 0; todo.length > 0; round++) {
      await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
      await killing;
      todo = failed.splice(0);
      sentAgain += todo.length;
      // What was left over is finished by whoever maintains.
      if (todo.length > 0) await shiftClock(backend.database, (round + 1) * 31_000);
      const open = async () => (await engine.webhooks.deliveries({ status: "received" })).items.length;
      if (todo.length > 0) await expect.poll(open, { timeout: 60_000 }).toBe(0);
    }
    await receiver.kill();
    agent.destroy();

    const [stored] = await backend.database.query<{ runs: string; orders: string }>(
      "select count(*) as runs, count(distinct input->>'order') as orders from flowforge.runs",
    );
    const sorted = answered.map(({ ms }) => ms).sort((a, b) => a - b);
    console.log(
      `${name}: ${DELIVERIES} deliveries, ${distinct} ids, ${stored!.runs} runs, ${kills} kills, ${sentAgain} sent again; ` +
        `p50 ${quantile(sorted, 0.5)} ms, p99 ${quantile(sorted, 0.99)} ms with ${IN_FLIGHT} in flight`,
    );
    expect([Number(stored!.runs), Number(stored!.orders), kills]).toEqual([distinct, distinct, 2]);
    expect(answered).toHaveLength(DELIVERIES);
    // Whoever sent it was always told the same run.
    expect([...runOf.values()].every((runs) => runs.size === 1)).toBe(true);
  });
});
