/** Credentials that the host keeps itself. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunFailedError } from "../../../src/index.ts";
import { asking, read } from "./asking.ts";
import { type Backend, collectingLogger, onEachBackend, openBackend } from "./backends.ts";
import { everything, plainErrors } from "./traces.ts";

onEachBackend("credentials of the host", (name) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend(name);
  });
  afterAll(() => backend[Symbol.asyncDispose]());

  test("can be the host's own", async () => {
    const asked: unknown[] = [];
    const own = backend.engine({
      queuePrefix: `${backend.queuePrefix}_own`,
      schema: "own",
      actions: [read],
      resolveCredential: async (request) => {
        asked.push(request);
        return request.workspace === "acme" ? { fields: { token: "from the host" } } : null;
      },
    });
    await own.start();
    const run = await own.runs.start(asking("read", { name: "stripe" }), { input: {}, workspace: "acme" });
    expect(await run.result({ timeout: "10s" })).toMatchObject({ length: 13, allowHosts: null });
    expect(asked).toEqual([
      { workspace: "acme", name: "stripe", runId: run.id, workflow: "asking-read", node: "a" },
    ]);
    await expect(own.credentials.set("x", { token: "y" })).rejects.toMatchObject({
      code: "encryption_missing",
    });
  });

  test("of the host's own that it cannot get: what its error says is nowhere", async () => {
    const logger = collectingLogger();
    class KeyServiceError extends Error {}
    const failing = backend.engine({
      queuePrefix: `${backend.queuePrefix}_failing`,
      schema: "failing",
      actions: [read],
      logger,
      resolveCredential: async () => {
        const token = "vault-4711-token";
        throw Object.assign(new KeyServiceError(`X-Vault-Token: ${token} was refused`, { cause: token }), {
          name: token,
          code: token,
        });
      },
    });
    await failing.start();
    const run = await failing.runs.start(asking("read", { name: "stripe" }), {
      input: {},
      workspace: "acme",
    });
    const end = await run.result({ timeout: "10s" }).catch((error: unknown) => error);
    expect(end).toBeInstanceOf(RunFailedError);
    const detail = await run.detail();
    expect(detail.nodes[0]!.error).toMatchObject({
      code: "credential_unavailable",
      message: expect.stringContaining("KeyServiceError") as string,
    });
    const line = logger.lines.find(({ fields }) => "thrown" in fields);
    expect(line?.fields).toMatchObject({
      thrown: "KeyServiceError",
      credential: "stripe",
      workspace: "acme",
    });
    expect(JSON.stringify(line)).toContain("credentials.test.ts:");
    const left = [
      JSON.stringify([detail, logger.lines], plainErrors),
      String(end),
      await everything(backend),
    ];
    expect(left.join("\n")).not.toContain("4711");
  });
});
