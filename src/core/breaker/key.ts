/**
 * What a breaker is for. Always within one workspace: what one customer's calls meet is no reason to hold back another's.
 *
 * `target`: what actions talk to, as they say themselves (a host, or whatever they name). `credential`: what they do with one. `workflow`, `workspace`: all
 * of their node runs.
 */
export const BREAKER_SCOPES = ["target", "credential", "workflow", "workspace"] as const;

export type BreakerScope = (typeof BREAKER_SCOPES)[number];

export interface BreakerKey {
  readonly workspace: string;
  readonly scope: BreakerScope;
  /** Of a workspace: its own name. */
  readonly name: string;
}

export function breakerText({ workspace, scope, name }: BreakerKey): string {
  return `${scope} ${workspace.length} ${workspace}${name}`;
}
