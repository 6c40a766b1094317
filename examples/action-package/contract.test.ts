/** The contract that every action should pass, on a fake of the service. */
import { describe, expect, test } from "vitest";
import { actionContract, type ActionFailure, type ActionFixture } from "../../src/testing.ts";
import { FakeService, TOKEN } from "./fake-service.ts";
import { findMessages, postMessage } from "./index.ts";

/** What both have in common. */
async function fixture(): Promise<{ readonly service: FakeService; readonly common: Common }> {
  const service = await new FakeService().open();
  const credentials = { chat: { fields: { url: service.url, token: TOKEN }, allowHosts: null } };
  const fails = (
    failure: number | string,
    meaning: ActionFailure["meaning"],
    input: Input,
  ): ActionFailure => ({
    title: `the service answers ${failure}`,
    input,
    credentials,
    meaning,
    arrange: () => void (service.failure = failure),
  });
  const common = {
    credentials,
    // The fake is on this machine, which actions may not call unless the host allows it.
    http: { allowPrivateNetwork: true },
    effects: () => service.messages.length,
    dispose: () => service.close(),
    failures: (input: Input) => [
      fails("channel_not_found", "permanent", input),
      fails("busy", "retry", input),
      fails(429, "retry", input),
      fails(503, "unknown", input),
    ],
  };
  return { service, common };
}

interface Input {
  readonly [field: string]: string;
}

interface Common extends Required<Pick<ActionFixture, "http" | "effects" | "dispose">> {
  readonly credentials: NonNullable<ActionFailure["credentials"]>;
  failures(input: Input): readonly ActionFailure[];
}

actionContract(
  "chat.post",
  async () => {
    const { common } = await fixture();
    const { credentials, failures, ...rest } = common;
    const input = { channel: "#orders", text: "A new order" };
    return {
      ...rest,
      action: postMessage,
      successes: [{ title: "a message", input, credentials }],
      refused: [
        { title: "no channel", input: { text: "Hello" } },
        { title: "no text", input: { ...input, text: "" } },
      ],
      failures: failures(input),
    };
  },
  { describe, test, expect },
);

actionContract(
  "chat.find",
  async () => {
    const { common, service } = await fixture();
    const { credentials, failures, ...rest } = common;
    service.messages.push({ id: "m1", channel: "#orders", text: "A new order", tag: "t" });
    const before = service.messages.length;
    const found = [{ id: "m1", channel: "#orders", text: "A new order" }];
    return {
      ...rest,
      effects: () => service.messages.length - before,
      action: findMessages,
      successes: [{ title: "a channel", input: { channel: "#orders" }, credentials, output: found }],
      refused: [{ title: "no channel", input: {} }],
      failures: failures({ channel: "#orders" }),
      slow: { title: "an answer that does not come", input: { channel: "#silent" }, credentials },
    };
  },
  { describe, test, expect },
);
