/** A process that polls a table for items: `fork("poll-host.ts", [JSON of EngineOptions, its database])`. It ends with its parent. */
import { Client } from "pg";
import { builtInActions } from "../../../src/actions.ts";
import { createEngine, defineAction, type EngineOptions } from "../../../src/index.ts";

const PAGE = 100;
const options = JSON.parse(process.argv[2]!) as EngineOptions;
process.on("disconnect", () => process.exit(1));
const client = new Client({ connectionString: process.argv[3]! });
await client.connect();

const list = defineAction({
  name: "feed.list",
  run: async ({ input }) => {
    const { cursor } = input as { cursor: number | null };
    await client.query("insert into asked (pid, cursor) values ($1, $2)", [process.pid, cursor]);
    // Long enough to be killed within.
    const { rows } = await client.query<{ id: number }>(
      "select id from feed, pg_sleep(0.1) where id > $1 order by id limit $2",
      [cursor ?? 0, PAGE],
    );
    return { items: rows, cursor: rows.at(-1)?.id ?? cursor, more: rows.length === PAGE };
  },
});

await using engine = createEngine({ ...options, actions: [...builtInActions, list] });
await engine.start();
process.send?.("ready");
await new Promise(() => undefined);
