/** Workflows and an action that ask for credentials. */
import { defineWorkflow, type Json, type Workflow } from "../../../src/index.ts";
import { action } from "./documents.ts";

/** One node that asks for a credential. */
export function asking(
  actionName: string,
  input: Json,
  credentials: readonly string[] = ["stripe"],
): Workflow<Json, Json> {
  return defineWorkflow({
    format: 1,
    name: `asking-${actionName.replace(".", "-")}`,
    nodes: {
      a: { kind: "action", action: actionName, input, credentials, retry: { immediate: 0, backoff: [] } },
    },
    edges: [],
    output: "{{ nodes.a.output }}",
  } as never);
}

export const read: ReturnType<typeof action> = action("read", async ({ input, credential }) => {
  const { fields, allowHosts } = await credential((input as { name: string }).name);
  return {
    fields: Object.keys(fields),
    length: fields["token"]?.length ?? 0,
    allowHosts: allowHosts as Json,
  };
});
