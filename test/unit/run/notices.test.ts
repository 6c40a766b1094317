/** Notices: gathered, sent one batch after the other, and short enough for the channel. */
import { describe, expect, test } from "vitest";
import { noticedRuns, type NoticeKind, Notices } from "../../../src/core/notices.ts";

type Sent = readonly [NoticeKind, readonly string[]];

/** Gathering and sending end when the test says so. */
class Channel {
  readonly sent: Sent[] = [];
  readonly gathering: (() => void)[] = [];
  readonly sending: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly notices: Notices = new Notices({
    sender: "p1",
    gather: () => new Promise((resolve) => this.gathering.push(resolve)),
    send: (kind, messages) => {
      this.sent.push([kind, messages]);
      return new Promise((resolve, reject) => this.sending.push({ resolve, reject }));
    },
  });
}

/** Lets everything run that waits for nothing. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("sending", () => {
  test("what is said together goes together, each run once", async () => {
    const channel = new Channel();
    const first = channel.notices.add("moved", ["r1", "r2"]);
    const second = channel.notices.add("moved", ["r2", "r3"]);
    const third = channel.notices.add("watch", ["r1"]);
    await settled();
    expect(channel.sent).toEqual([]);
    channel.gathering[0]!();
    await settled();
    expect(channel.sent).toEqual([
      ["moved", ["p1 r1,r2,r3"]],
      ["watch", ["p1 r1"]],
    ]);
    for (const { resolve } of channel.sending) resolve();
    await Promise.all([first, second, third]);
  });

  test("nothing to say is said at once", async () => {
    const channel = new Channel();
    await channel.notices.add("moved", []);
    expect(channel.gathering).toEqual([]);
    expect(channel.sent).toEqual([]);
  });

  test("what is said while a batch is on its way waits for it", async () => {
    const channel = new Channel();
    const first = channel.notices.add("moved", ["r1"]);
    channel.gathering[0]!();
    await settled();
    const second = channel.notices.add("moved", ["r2"]);
    channel.gathering[1]!();
    await settled();
    expect(channel.sent).toHaveLength(1);
    channel.sending[0]!.resolve();
    await first;
    await settled();
    expect(channel.sent[1]).toEqual(["moved", ["p1 r2"]]);
    channel.sending[1]!.resolve();
    await second;
  });

  test("a batch that fails says so, and the next one goes on", async () => {
    const channel = new Channel();
    const first = channel.notices.add("moved", ["r1"]);
    const failed = expect(first).rejects.toThrow("the connection is gone");
    channel.gathering[0]!();
    await settled();
    const second = channel.notices.add("moved", ["r2"]);
    channel.gathering[1]!();
    channel.sending[0]!.reject(new Error("the connection is gone"));
    await failed;
    await settled();
    expect(channel.sent[1]).toEqual(["moved", ["p1 r2"]]);
    channel.sending[1]!.resolve();
    await second;
  });

  test("a message never has more bytes than the channel takes", async () => {
    const channel = new Channel();
    const ids = Array.from(
      { length: 1_000 },
      (_, n) => `0198c0de-0000-7000-8000-${String(n).padStart(12, "0")}`,
    );
    const said = channel.notices.add("moved", ids);
    channel.gathering[0]!();
    await settled();
    const [, messages] = channel.sent[0]!;
    expect(messages.length).toBeGreaterThan(1);
    for (const message of messages) expect(message.length).toBeLessThanOrEqual(7_900);
    expect(messages.flatMap((message) => noticedRuns(message, "p2"))).toEqual(ids);
    channel.sending[0]!.resolve();
    await said;
  });
});

describe("receiving", () => {
  test.each([
    ["p1 r1,r2", ["r1", "r2"]],
    ["p1 r1", ["r1"]],
    ["p1 r1,,r2,", ["r1", "r2"]],
    ["p2 r1", []],
    ["p1", []],
    [" r1", []],
    ["", []],
    ["p1 ", []],
  ])("%j is about %j", (message, runs) => {
    expect(noticedRuns(message, "p2")).toEqual(runs);
  });
});
