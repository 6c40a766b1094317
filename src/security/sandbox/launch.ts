/** Starts the process of a sandbox, with as few rights as Node.js and the shell can leave it. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import type { Installation } from "./installation.ts";

/** Of the process's own JavaScript: copies of input and output. QuickJS has its own memory. */
const HEAP_MB = 128;
const SHELL = "/bin/sh";
/** Takes out again what shells put into the environment. */
const CLEAN = "/usr/bin/env";
/** For its start, and for what an execution needs beside the code. */
const MORE_CPU_S = 60;
/** No core dumps, no files, and an end of its own: where its host is killed while one call computes for ever, nobody else would end it. */
const LIMITED = 'ulimit -c 0; ulimit -f 0; ulimit -t "$0"; exec "$@"';

/** `cpuMs`: what all of its executions together may compute. */
export function launch(installation: Installation, cpuMs: number): ChildProcess {
  const command = [process.execPath, ...flagsOf(installation), installation.entry, ...installation.args];
  const [program, ...args] = [SHELL, CLEAN].every((file) => existsSync(file))
    ? [SHELL, "-c", LIMITED, String(Math.ceil(cpuMs / 1_000) + MORE_CPU_S), CLEAN, "-i", ...command]
    : command;
  return spawn(program!, args, {
    env: {},
    // It can read nothing there.
    cwd: path.parse(process.execPath).root,
    // A Ctrl+C at the terminal is for the host, which lets what runs here end.
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: ["pipe", "ignore", "pipe", "pipe"],
  });
}

function flagsOf({ readable }: Installation): readonly string[] {
  return [
    "--permission",
    ...readable.map((folder) => `--allow-fs-read=${folder}`),
    // Names are what they are: no links have to be looked up.
    "--preserve-symlinks",
    "--preserve-symlinks-main",
    "--no-addons",
    "--no-warnings",
    "--disable-proto=delete",
    "--disallow-code-generation-from-strings",
    `--max-old-space-size=${HEAP_MB}`,
    // QuickJS's own stack is a part of this one.
    ...(process.platform === "win32" ? [] : ["--stack-size=3900"]),
  ];
}
