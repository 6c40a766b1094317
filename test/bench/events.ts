/**
 * An event that starts a run of very many workflows, and one that very many runs wait for: how long `publish` takes, how long until
 * all have it, and how long the steps of another workflow take meanwhile. A PostgreSQL of its own with fsync on.
 *
 *     node test/bench/events.ts [--matches 10000]
 */
import { parseArgs } from "node:util";
import { createEngine } from "../../src/index.ts";
import { add, chain } from "../integration/engine/documents.ts";
import { startPostgres } from "../support/postgres.ts";

const { values } = parseArgs({ options: { matches: { type: "string", default: "10000" } } });
const matches = Number(values.matches);

await using postgres = await startPostgres({ fsync: true, settings: { shared_buffers: "512MB" } });
const engine = createEngine({ postgres: postgres.url, actions: [add()] });
await engine.start();
await engine.workflows.register(chain(20, "steps"));

/** Milliseconds per step of one run after the other, until it is told to stop. */
class Steps {
  readonly #times: number[] = [];
  #goesOn = true;
  readonly #done: Promise<void> = this.#run();

  async #run(): Promise<void> {
    while (this.#goesOn) {
      const run = await engine.runs.start("steps", { input: { n: 0 } });
      await run.result({ timeout: "5m" });
      const { nodes } = (await run.detail())!;
      const ends = nodes.map(({ finishedAt }) => finishedAt ?? 0).sort((a, b) => a - b);
      for (let n = 1; n < ends.length; n++) this.#times.push(ends[n]! - ends[n - 1]!);
    }
  }

  async stop(): Promise<string> {
    this.#goesOn = false;
    await this.#done;
    const sorted = this.#times.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
    return `${sorted.length} steps, median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`;
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(what: string, event: string): Promise<void> {
  const steps = new Steps();
  const at = performance.now();
  const published = await engine.publish(event, { n: 1 }, { id: event });
  say(`${what}: publish ${Math.round(performance.now() - at)} ms, ${JSON.stringify(published)}`);
  while (!(await engine.events.get(event))!.done) await pause(50);
  const { runs, started } = (await engine.events.get(event))!;
  say(`${what}: ${runs} waits and ${started} starts in ${Math.round(performance.now() - at)} ms`);
  say(`${what}: meanwhile ${await steps.stop()}`);
}

const alone = new Steps();
await pause(5_000);
say(`alone: ${await alone.stop()}`);

const source = { type: "event", name: "start" } as const;
for (let n = 0; n < matches; n += 100) {
  const batch = Array.from({ length: Math.min(100, matches - n) }, (_, i) =>
    engine.workflows.register({
      format: 1,
      name: `w${n + i}`,
      nodes: {
        heard: { kind: "trigger", source },
        wait: { kind: "wait", for: { event: "wake" } },
      },
      edges: [{ from: "heard", to: "wait" }],
    }),
  );
  await Promise.all(batch);
}
await measure("starts", "start");
await measure("waits", "wake");
await engine.stop();
