/** Everything that a Redis holds, and everything that is said to it, to be searched for what must not be there. */
import type { Redis } from "ioredis";

/** Every key with its value, as text in Latin-1, so that no byte is lost. */
export async function redisContents(redis: Redis): Promise<readonly string[]> {
  const contents: string[] = [];
  for await (const found of redis.scanStream({ count: 1_000 })) {
    for (const key of found as string[])
      contents.push(`${key} ${texts(await valueOf(redis, key)).join(" ")}`);
  }
  return contents;
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case "string":
      return redis.getBuffer(key);
    case "hash":
      return redis.hgetallBuffer(key);
    case "list":
      return redis.lrangeBuffer(key, 0, -1);
    case "set":
      return redis.smembersBuffer(key);
    case "zset":
      return redis.zrangeBuffer(key, 0, "-1", "WITHSCORES");
    case "stream":
      return redis.xrangeBuffer(key, "-", "+");
    case "none":
      // It went meanwhile.
      return null;
    default:
      throw new Error(`A key of type ${type} cannot be read here.`);
  }
}

/** What a reply holds, lists within lists too. */
function texts(reply: unknown): readonly string[] {
  if (Buffer.isBuffer(reply)) return [reply.toString("latin1")];
  if (Array.isArray(reply)) return reply.flatMap(texts);
  if (typeof reply === "object" && reply !== null)
    return Object.entries(reply).flatMap(([field, value]) => [field, ...texts(value)]);
  return reply === null ? [] : [String(reply)];
}

/** Whatever is said to the server from now on, by whom ever: commands with their arguments, those of scripts too. */
export async function listenTo(redis: Redis): Promise<{ readonly said: readonly string[]; stop(): void }> {
  const said: string[] = [];
  const monitor = await redis.monitor();
  monitor.on("monitor", (_time: string, args: readonly string[]) => void said.push(args.join(" ")));
  return { said, stop: () => monitor.disconnect() };
}

/** The ways in which a word may stand in a text: as it is, in hex, and in Base64 whatever stands before and behind it. */
export function encodings(word: string): readonly string[] {
  const bytes = Buffer.from(word);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replaceAll("=", "");
    // The first and the last characters also say something of the neighbours.
    return text.slice(shift === 0 ? 0 : shift + 1, -1);
  });
  return [word, bytes.toString("hex"), ...base64];
}

/** Which of these words stand in these texts, in whatever encoding. */
export function wordsIn(texts: readonly string[], words: readonly string[]): readonly string[] {
  const all = texts.join("\n");
  const lower = all.toLowerCase();
  return words.filter((word) =>
    encodings(word).some((form, index) => (index === 1 ? lower : all).includes(form)),
  );
}
