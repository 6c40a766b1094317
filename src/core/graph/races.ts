/** Joins that call others off: which node leads only to which of them. */

interface Racer {
  readonly callsOff: boolean;
  readonly outbound: readonly { readonly to: number }[];
}

const END = Infinity;

/**
 * Per node the nearest join with `callsOff` that every way from the node leads to; `null`: none. Nodes are in topological order.
 *
 * The nodes that all ways from a node lead through form a chain, so it is enough to know the first of them: where the ways part, it
 * is where the chains of the next nodes meet.
 */
export function racesOf(nodes: readonly Racer[]): readonly (number | null)[] {
  const races: (number | null)[] = nodes.map(() => null);
  if (!nodes.some((node) => node.callsOff)) return races;
  const next = nodes.map(() => END);
  for (let index = nodes.length - 1; index >= 0; index--) {
    const meeting = meetingOf(next, nodes[index]!.outbound);
    next[index] = meeting;
    if (meeting !== END) races[index] = nodes[meeting]!.callsOff ? meeting : races[meeting]!;
  }
  return races;
}

function meetingOf(next: readonly number[], outbound: Racer["outbound"]): number {
  let meeting = outbound[0]?.to ?? END;
  for (let { to } of outbound) {
    while (to !== meeting) {
      // Every chain goes upwards, so the one that is behind moves.
      if (to < meeting) to = next[to]!;
      else meeting = next[meeting]!;
    }
  }
  return meeting;
}
