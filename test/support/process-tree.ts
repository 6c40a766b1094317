/** Signals for a server and all its children: PostgreSQL serves each connection in a process of its own. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";

/** The process and everything below it, parents first. */
export function tree(pid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of parents()) children.set(parent, [...(children.get(parent) ?? []), child]);
  const found = [pid];
  for (const one of found) found.push(...(children.get(one) ?? []));
  return found;
}

function parents(): readonly (readonly [number, number])[] {
  if (!existsSync("/proc/self/stat")) {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
    return lines.map((line): readonly [number, number] => {
      const [pid, parent] = line.trim().split(/\s+/).map(Number);
      return [pid ?? 0, parent ?? 0];
    });
  }
  return readdirSync("/proc").flatMap((name): (readonly [number, number])[] => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // "12 (a name) with) brackets) S 1 ...": the state follows the last bracket, then the parent.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]];
    } catch {
      return []; // ended while we looked
    }
  });
}

/** A process that has ended and that nobody asked about (init does not always) runs no more, though its number is taken. */
export function isRunning(pid: number): boolean {
  try {
    if (!existsSync("/proc/self/stat")) return process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !["Z", "X"].includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const one of tree(pid)) {
    try {
      process.kill(one, signal);
    } catch {
      // ended while we looked
    }
  }
}
