import { spawn } from "node:child_process";

/** What the watchdog does when the process that started it is gone without having said good-bye. */
export interface WatchdogOrder {
  /** Its first line is the process that serves (`postmaster.pid`); it is read at the end, not now. */
  readonly pidFile: string;
  /**
   * A temporary folder around the data, removed when the server has ended. Without it the data may have another owner by then,
   * and only a server that was named with `guard` is ended.
   */
  readonly remove?: string;
}

export interface Watchdog {
  readonly pid: number | undefined;
  /** This server is ours to end. */
  guard(serverPid: number): void;
  /** The server was stopped in order; the watchdog ends without doing anything. */
  dismiss(): void;
}

/**
 * `read` returns when a word comes or when the pipe ends, and the kernel ends the pipe however we die. SIGINT is
 * PostgreSQL's fast shutdown, SIGQUIT the immediate one. The traps are for service managers that signal the whole group
 * while the engine still drains.
 */
const SCRIPT: string = `
trap '' HUP INT TERM
ours=''
while read -r word number; do
  [ "$word" = done ] && exit 0
  [ "$word" = guard ] && ours=$number
done
nap() { sleep 0.1 2>/dev/null || sleep 1; }
pid=$(head -n 1 "$1" 2>/dev/null)
case "$pid" in ''|*[!0-9]*) pid='' ;; esac
[ -z "$2" ] && [ "$pid" != "$ours" ] && pid=''
if [ -n "$pid" ]; then
  for signal in INT QUIT KILL; do
    kill -s "$signal" "$pid" 2>/dev/null || break
    n=0
    while [ "$n" -lt 100 ] && kill -0 "$pid" 2>/dev/null; do nap; n=$((n+1)); done
  done
fi
[ -n "$2" ] || exit 0
# An initdb of ours may still be at work in it.
n=0
until rm -rf -- "$2" 2>/dev/null || [ "$n" -ge 100 ]; do nap; n=$((n+1)); done
exit 0
`;

const NO_WATCHDOG: Watchdog = { pid: undefined, guard: () => undefined, dismiss: () => undefined };

/**
 * Starts a shell that waits for our end (about 1 MB of memory). There is none on Windows: there a server left by a crash is
 * found by the next start.
 */
export function startWatchdog(order: WatchdogOrder): Watchdog {
  if (process.platform === "win32") return NO_WATCHDOG;
  const child = spawn("/bin/sh", ["-c", SCRIPT, "flowforge-watchdog", order.pidFile, order.remove ?? ""], {
    // A session of its own, so that Ctrl-C in a terminal does not reach it.
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a shell there is no watchdog; the next start then cleans up.
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  return {
    pid: child.pid,
    guard: (serverPid) => void child.stdin.write(`guard ${serverPid}\n`),
    dismiss: () => void child.stdin.end("done\n"),
  };
}
