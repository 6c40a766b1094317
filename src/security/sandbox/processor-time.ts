/** Processor time, so that code is not charged for what else a busy machine does. */
import { readFileSync } from "node:fs";

/** Of a tick of `/proc`: every Linux that Node.js runs on counts a hundred in a second. */
const TICK_MS = 10;
/** Places of user and system time in `/proc/<pid>/stat`, counted behind the name, which may hold spaces. */
const USER = 11;
const SYSTEM = 12;

/** What a process has computed since its start, in milliseconds, to 10 ms; `null` where the system does not say (it is Linux that does). */
export function computedBy(pid: number): number | null {
  const stat = statOf(pid);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER]) + Number(fields[SYSTEM])) * TICK_MS;
}

/** What this thread has computed, in milliseconds; of the whole process, where Node.js is too old to tell threads apart. */
export function computedHere(): number {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
  return (user + system) / 1_000;
}

function statOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    // Another system, or the process is gone.
    return null;
  }
}
