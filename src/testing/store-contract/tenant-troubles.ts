/**
 * The matrix of tenants, as far as breakers and stuck runs go. Most methods of breakers take keys that name their workspace: the rules of breakers ask
 * for those of others.
 */
import { CLOSED } from "../../core/breaker/breaker.ts";
import type { Store } from "../../core/ports/store.ts";
import type { Kit } from "./kit.ts";

export const TROUBLES_OF_TENANTS = {
  "breakers.read": "by key",
  "breakers.write": "by key",
  "breakers.park": "by key",
  "breakers.unpark": "by key",
  "breakers.parked": "by key",
  "breakers.changed": "of all",
  "breakers.loose": "of all",
  "breakers.trim": "of all",
  "breakers.page": async ({
    store,
    expect,
  }: {
    readonly store: Store;
    readonly expect: Kit["expect"];
  }): Promise<void> => {
    const state = { ...CLOSED, phase: "open" } as const;
    const key = { workspace: "umbrella", scope: "target", name: "umbrella" } as const;
    await store.breakers.write([{ key, version: 0, state }]);
    expect(await store.breakers.page({ workspace: "acme", limit: 100 })).toEqual([]);
  },
  "stuck.takeTurn": "of workers",
  "stuck.rooms": "of workers",
  "stuck.waiting": "of all",
  "stuck.note": "of all",
  "stuck.list": async ({
    store,
    runs,
    expect,
  }: {
    readonly store: Store;
    readonly runs: string;
    readonly expect: Kit["expect"];
  }): Promise<void> => {
    const place = { runId: runs, workspace: "umbrella", workflow: "theirs", version: 1 };
    const state = { reason: "nothing_moves", node: null, lane: null, action: null, since: 1 } as const;
    expect(await store.stuck.note([{ ...place, ...state }])).toHaveLength(1);
    expect(await store.stuck.list({ workspace: "acme", limit: 100 })).toEqual([]);
  },
} as const;
