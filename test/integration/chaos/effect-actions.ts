/** One action per effect class, each of which charges a card at the provider. */
import { type Action, defineAction, type EffectKind, type WorkflowDocument } from "../../../src/index.ts";

export const CLASSES: readonly string[] = [
  "readonly",
  "idempotent",
  "verifiable",
  "atMostOnce",
  "undeclared",
];

/** `before` the request, `charge` (noted, not answered), `after` its answer, and when only the `commit` is left. */
export const MOMENTS = ["before", "charge", "after", "commit"] as const;

export function effectActions(url: string): readonly Action[] {
  const send = (path: string, key: string, init: RequestInit): Promise<Response> =>
    fetch(`${url}/${path}`, { ...init, headers: { "idempotency-key": key } });
  const receipt = defineAction({ name: "receipt", effect: "readonly", run: ({ input }) => input });
  const charges = CLASSES.map((of) =>
    defineAction({
      name: `charge.${of}`,
      ...(of === "undeclared" ? {} : { effect: of as EffectKind }),
      ...(of === "verifiable" ? { verify: ({ idempotencyKey: key }) => ask(of, key) } : {}),
      run: async ({ idempotencyKey: key, signal }) => {
        await send("at/before", key, { method: "POST", signal });
        const answer = await send(`charge/${of}`, key, { method: "POST", signal });
        if (!answer.ok) throw Object.assign(new Error("no charge"), { status: answer.status });
        const charged = (await answer.json()) as { readonly id: string };
        await send("at/after", key, { method: "POST", signal });
        await send("at/commit", key, { method: "POST", signal });
        return charged;
      },
    }),
  );
  return [...charges, booked(), receipt];

  /** Charges in the engine's own database. */
  function booked(): Action {
    return defineAction({
      name: "charge.transactional",
      effect: "transactional",
      run: async ({ idempotencyKey: key, signal, tx }) => {
        await send("at/before", key, { method: "POST", signal });
        await tx.query("insert into charged values ($1)", [key]);
        for (const moment of ["charge", "after", "commit"])
          await send(`at/${moment}`, key, { method: "POST", signal });
        return { id: key };
      },
    });
  }

  async function ask(of: string, key: string) {
    const answer = await send(`charge/${of}`, key, {});
    if (answer.status === 404) return { outcome: "didNotHappen" } as const;
    return { outcome: "happened", output: (await answer.json()) as { readonly id: string } } as const;
  }
}

/** Charges once, and then says so. */
export function charging(of: string, more: Partial<WorkflowDocument> = {}): WorkflowDocument {
  return {
    format: 1,
    name: `charging.${of}`,
    nodes: {
      charge: { kind: "action", action: `charge.${of}` },
      receipt: { kind: "action", action: "receipt", input: { id: "{{ nodes.charge.output.id }}" } },
    },
    edges: [{ from: "charge", to: "receipt" }],
    output: "{{ nodes.receipt.output.id }}",
    ...more,
  };
}
