/** The API on an engine of its own, with a login that is a header and two workspaces. */
import { randomBytes } from "node:crypto";
import { createHandler, type Handler, type HandlerOptions } from "../../../src/http.ts";
import { type Action, defineWorkflow, type Engine } from "../../../src/index.ts";
import { type Backend, openBackend } from "../engine/backends.ts";
import { add } from "../engine/documents.ts";

export const waiting: object = {
  format: 1,
  name: "waiting",
  nodes: { w: { kind: "wait", for: { signal: "go" } } },
  edges: [],
  output: "{{ nodes.w.output }}",
};

export interface Api extends AsyncDisposable {
  readonly backend: Backend;
  readonly engine: Engine;
  readonly handler: Handler;
  readonly errors: unknown[];
  /** As `GET /runs`, of workspace `mine` unless the headers name another one. Who sends `x-operator` may see all of them. */
  call(line: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
}

export async function openApi(
  options: Partial<HandlerOptions> = {},
  actions: readonly Action[] = [],
): Promise<Api> {
  const backend = await openBackend("postgres");
  const keys = { a: randomBytes(32).toString("base64") };
  const engine = backend.engine({
    actions: [add(), ...actions],
    signingKey: randomBytes(32).toString("base64"),
    encryption: { keys, current: "a" },
    breakers: true,
    workspaces: { plans: { pro: { concurrency: 50 } } },
  });
  await engine.start();
  for (const workspace of ["mine", "other"]) {
    await engine.workflows.register(defineWorkflow(waiting), { workspace });
  }
  const errors: unknown[] = [];
  const handler = createHandler(engine, {
    authorize: ({ headers }) => {
      const workspace = headers.get("authorization");
      const allWorkspaces = headers.has("x-operator");
      return workspace === null ? null : { workspace, allWorkspaces, actor: "ada" };
    },
    onError: (error) => void errors.push(error),
    ...options,
  });
  return {
    backend,
    engine,
    handler,
    errors,
    call: (line, body, headers = {}) => handler(request(line, body, headers)),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

function request(line: string, body: unknown, headers: Record<string, string>): Request {
  const [method, path] = line.split(" ");
  const asText = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(`http://flow.test${path!}`, {
    method: method!,
    headers: {
      authorization: "mine",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: asText }),
  });
}
