/** Where webhooks come in, and what came: also what was refused, with the reason. */
import type { JSX } from "preact";
import { Link } from "wouter-preact";
import type { DeliveryRecord } from "../../../../core/ports/webhooks.ts";
import type { Page as ListPage } from "../../../../core/ports/store.ts";
import { base, part, query, send } from "../api.ts";
import { bytes, shortId } from "../format.ts";
import { useLive } from "../live.ts";
import { useRemembered } from "../remembered.ts";
import { useMay, useSession } from "../session.ts";
import { Ask } from "../ui/dialog.tsx";
import { Empty, Page, Panel, Shown, Table } from "../ui/page.tsx";
import { Pager, usePages } from "../ui/pager.tsx";
import { Status } from "../ui/status.tsx";
import { Ago } from "../ui/time.tsx";

interface Endpoint {
  readonly path: string;
  readonly workflow: string;
  readonly trigger: string;
  readonly scheme: string | null;
  readonly respond: string;
  readonly shadowed: boolean;
}

const PAGE = 50;

export function Webhooks(): JSX.Element {
  const endpoints = useLive<ListPage<Endpoint>>("/webhooks?limit=500");
  return (
    <Page title="Webhooks">
      <Shown of={endpoints}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No workflow is started by a webhook.</Empty>
          ) : (
            <Table label="Addresses" head={["Address", "Workflow", "Signature", "Answers"]}>
              {items.map((endpoint) => (
                <EndpointRow key={`${endpoint.workflow} ${endpoint.trigger}`} endpoint={endpoint} />
              ))}
            </Table>
          )
        }
      </Shown>
      <Deliveries />
    </Page>
  );
}

function EndpointRow({ endpoint }: { endpoint: Endpoint }): JSX.Element {
  const { workspace } = useSession();
  const { path, workflow, trigger, scheme, respond, shadowed } = endpoint;
  return (
    <tr>
      <td>
        <code>{`${base}/webhooks/${part(workspace)}/${part(path)}`}</code>
      </td>
      <td>
        <Link href={`/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>{" "}
        <span class="muted">{trigger}</span>
      </td>
      <td>{scheme ?? <span class="warn">none: lets nothing in</span>}</td>
      <td>
        {respond === "result" ? "with the result" : "at once"}
        {shadowed && <div class="warn">another trigger has the same path</div>}
      </td>
    </tr>
  );
}

function Deliveries(): JSX.Element {
  const [status, setStatus] = useRemembered("status", "");
  const pages = usePages("deliveries");
  const path = `/webhook-deliveries${query({ status, cursor: pages.cursor, limit: PAGE })}`;
  const deliveries = useLive<ListPage<DeliveryRecord>>(path);
  const filter = (
    <label class="inline">
      Status
      <select
        value={status}
        onChange={(event) => {
          setStatus(event.currentTarget.value);
          pages.first();
        }}
      >
        {["", "accepted", "rejected", "received"].map((each) => (
          <option key={each} value={each}>
            {each === "" ? "all" : each}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Panel title="Deliveries" actions={filter}>
      <Shown of={deliveries}>
        {({ items, cursor }) =>
          items.length === 0 ? (
            <Empty>Nothing has come in.</Empty>
          ) : (
            <>
              <Table
                label="Deliveries"
                head={["Came", "Path", "Status", "Run", "Size"]}
                actions={["webhooks.replay"]}
              >
                {items.map((delivery) => (
                  <Delivery key={delivery.id} delivery={delivery} onDone={() => deliveries.refresh()} />
                ))}
              </Table>
              <Pager pages={pages} cursor={cursor} />
            </>
          )
        }
      </Shown>
    </Panel>
  );
}

function Delivery({ delivery, onDone }: { delivery: DeliveryRecord; onDone: () => void }): JSX.Element {
  const { id, path, status, reason, detail, runId, size, receivedAt, repeats } = delivery;
  const may = useMay("webhooks.replay");
  return (
    <tr>
      <td>
        <Ago at={receivedAt} />
        {repeats > 0 && <div class="muted">and {repeats} times again</div>}
      </td>
      <td>{path}</td>
      <td class="wide">
        <Status value={status} />
        {reason !== null && (
          <div>
            <code>{reason}</code> {detail}
          </div>
        )}
      </td>
      <td>
        {runId !== null && (
          <Link href={`/runs/${runId}`} class="id" title={runId}>
            {shortId(runId)}
          </Link>
        )}
      </td>
      <td class="number">{bytes(size)}</td>
      <td>
        {status === "rejected" && may && (
          <Ask
            label="Replay"
            class="small"
            question={
              delivery.verified
                ? "It is taken in as if it came now."
                : "Nobody knows who sent it. It is taken in all the same."
            }
            danger={!delivery.verified}
            onYes={async () => {
              await send("POST", `/webhook-deliveries/${part(id)}/replay`);
              return "The delivery was taken in.";
            }}
            onDone={onDone}
          />
        )}
      </td>
    </tr>
  );
}
