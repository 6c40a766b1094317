import { describe, expect, test } from "vitest";
import { FlowForgeError } from "../../../src/core/errors.ts";
import type { NewLogLine } from "../../../src/core/ports/logs.ts";
import { AttemptLogs } from "../../../src/observability/attempt-logs.ts";
import { consoleLogger } from "../../../src/observability/console-logger.ts";
import { fieldsText } from "../../../src/observability/log-text.ts";
import { collectingLogger } from "../../integration/engine/backends.ts";

const attempt = {
  runId: "r",
  workspace: "w",
  workflow: "f",
  version: 1,
  trace: null,
  node: "n",
  item: -1,
  action: "a",
  attempt: 2,
  fence: 3,
};

function logs(append: (lines: readonly NewLogLine[]) => Promise<void>, kept = { lines: 3, bytes: 1_000 }) {
  const logger = collectingLogger();
  return { logger, logs: new AttemptLogs({ store: { append }, logger, kept, now: () => 5 }) };
}

describe("lines of attempts", () => {
  test("go to the host's logger with their run and attempt, all of them, and are kept up to the limit", async () => {
    const stored: NewLogLine[] = [];
    const parts = logs(async (lines) => void stored.push(...lines));
    const first = parts.logs.logger(attempt);
    for (let n = 0; n < 5; n++) first.info({ n, runId: "another" }, `line ${n}`);
    parts.logs.logger({ ...attempt, item: 7 }).warn({}, "of an item");
    await parts.logs.flush();
    expect(parts.logger.lines).toHaveLength(6);
    const about = { runId: "r", workflow: "f", workspace: "w", node: "n", attempt: 2 };
    expect(parts.logger.lines[4]).toEqual({ level: "info", message: "line 4", fields: { n: 4, ...about } });
    expect(parts.logger.lines[5]!.fields).toEqual({ ...about, item: 7 });
    expect(stored.map(({ message }) => message)).toEqual([
      "line 0",
      "line 1",
      expect.stringMatching(/not kept/),
      "of an item",
    ]);
    expect(stored[0]).toMatchObject({ at: 5, item: -1, attempt: 2, fields: '{"n":0,"runId":"another"}' });
  });

  test("end where there are too many bytes, and none is kept where none are wanted", async () => {
    const stored: NewLogLine[] = [];
    const parts = logs(async (lines) => void stored.push(...lines), { lines: 100, bytes: 1_000 });
    const { info } = parts.logs.logger(attempt);
    for (let n = 0; n < 9; n++) info({}, "x".repeat(300));
    await parts.logs.flush();
    expect(stored).toHaveLength(4);
    const none = logs(() => Promise.reject(new Error("asked")), { lines: 0, bytes: 1_000 });
    none.logs.logger(attempt).info({}, "nothing");
    await none.logs.flush();
    expect(none.logger.lines).toHaveLength(1);
  });

  test("wait while PostgreSQL is away, and are not stored twice where nobody knows", async () => {
    const stored: string[] = [];
    let failure: Error | null = new FlowForgeError("postgres_unreachable", { subject: "s", next: "n" });
    const parts = logs(async (lines) => {
      if (failure) throw failure;
      stored.push(...lines.map(({ message }) => message));
    });
    parts.logs.logger(attempt).info({}, "first");
    await parts.logs.flush();
    failure = null;
    await parts.logs.flush();
    expect(stored).toEqual(["first"]);
    failure = new Error("cut off");
    parts.logs.logger(attempt).info({}, "second");
    await parts.logs.flush();
    failure = null;
    await parts.logs.flush();
    expect(stored).toEqual(["first"]);
  });
});

describe("what is logged", () => {
  test.each([
    [{ a: 1n, b: new Map([[1, 2]]), c: undefined }, '{"a":"1","b":[[1,2]]}'],
    [{ text: "a\0b\ud800" }, '{"text":"a\ufffdb\ufffd"}'],
    [{}, null],
    [["a"], '{"value":["a"]}'],
    [{ a: "x".repeat(200) }, '{"leftOut":208}'],
  ])("%o is stored as %s", (fields, text) => {
    expect(fieldsText(fields, 100)).toBe(text);
  });

  test("is stored whatever it is", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(fieldsText(circle, 100)).toBe('{"unreadable":true}');
    const error = new TypeError("no", { cause: new Error("inner") });
    expect(JSON.parse(fieldsText({ error }, 10_000)!)).toMatchObject({
      error: { name: "TypeError", message: "no", cause: { message: "inner" } },
    });
  });
});

test("a console's line is one line without control characters", () => {
  const lines: string[] = [];
  const logger = consoleLogger({ write: (line) => void lines.push(line), level: "debug" });
  logger.warn({ run: "r\u001b[2J", n: 1, o: { a: [1] }, none: undefined }, "two\nlines");
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} warn {2}two\\nlines {2}run=r\\u001b\[2J {2}n=1 {2}o=\{"a":\[1\]\}\n$/,
  );
  consoleLogger({ write: (line) => void lines.push(line) }).debug({}, "quiet");
  expect(lines).toHaveLength(1);
});
