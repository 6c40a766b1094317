/** The pages of the dashboard. */

/** Each page, and a run of which workflow it shows. */
export const PLACES: readonly (readonly [place: string, address: string, of?: string])[] = [
  ["overview", "/"],
  ["workflows", "/workflows"],
  ["workflow", "/workflows/order"],
  ["large-workflow", "/workflows/wide"],
  ["runs", "/runs"],
  ["run-waiting", "/runs/", "order"],
  ["run-failed", "/runs/", "refund"],
  ["run-map", "/runs/", "import-contacts"],
  ["run-child", "/runs/", "welcome"],
  ["run-parent", "/runs/", "onboarding"],
  ["dead-letters", "/dead-letters"],
  ["schedules", "/schedules"],
  ["webhooks", "/webhooks"],
  ["polls", "/polls"],
  ["events", "/events"],
  ["credentials", "/credentials"],
  ["audit", "/audit"],
  ["breakers", "/breakers"],
  ["workspace", "/workspace"],
  ["workspaces", "/workspaces"],
  ["workers", "/workers"],
  ["settings", "/settings"],
  ["not-found", "/nowhere"],
];
