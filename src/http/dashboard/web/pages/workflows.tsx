/** Every workflow of the workspace, in its newest version. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { ListedWorkflow } from "../../../../core/ports/store.ts";
import { useLive } from "../live.ts";
import { Empty, Page, Shown, Table } from "../ui/page.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

export function Workflows(): JSX.Element {
  const workflows = useLive<{ items: readonly ListedWorkflow[] }>("/workflows");
  return (
    <Page title="Workflows">
      <Shown of={workflows}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No workflow has been registered yet.</Empty>
          ) : (
            <Table label="Workflows" head={["Name", "State", "Starts by", "Nodes", "Version", "Since"]}>
              {items.map((workflow) => (
                <Row key={workflow.name} workflow={workflow} />
              ))}
            </Table>
          )
        }
      </Shown>
    </Page>
  );
}

function Row({ workflow }: { workflow: ListedWorkflow }): JSX.Element {
  const { name, document, enabled, version, createdAt } = workflow;
  return (
    <tr>
      <td>
        <Link href={`/workflows/${encodeURIComponent(name)}`}>{name}</Link>
        {document.description && <div class="muted">{document.description}</div>}
      </td>
      <td>
        <Status value={enabled ? "enabled" : "disabled"} />
      </td>
      <td>{startsBy(document)}</td>
      <td class="number">{Object.keys(document.nodes).length}</td>
      <td class="number">v{version}</td>
      <td>
        <Ago at={createdAt} />
      </td>
    </tr>
  );
}

function startsBy({ nodes }: ListedWorkflow["document"]): string {
  const types = Object.values(nodes).flatMap((node) =>
    node.kind === "trigger" ? [node.source?.type ?? "manual"] : [],
  );
  return [...new Set(types)].join(", ");
}
