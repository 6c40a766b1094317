/** A logger for people: one line each, `12:00:01.123 warn  message  key=value`. */
import { LOG_LEVELS, type LogLevel } from "../core/ports/logs.ts";
import type { Logger } from "../core/ports/logger.ts";
import { fieldsText } from "./log-text.ts";

export interface ConsoleLoggerOptions {
  /** Lines below it are left out. Default `info`. */
  readonly level?: LogLevel;
  /** Where lines go. Default: the process's standard error. */
  readonly write?: (line: string) => void;
}

const MAX_VALUE = 2_000;

/** Control characters of what is logged come as text: a line stays one line, and no terminal obeys it. */
export function consoleLogger(options: ConsoleLoggerOptions = {}): Logger {
  const { level: lowest = "info", write = (line) => void process.stderr.write(line) } = options;
  const at = (level: LogLevel): Logger["info"] => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return () => {};
    return (fields, message) => write(`${time()} ${level.padEnd(5)} ${plain(message)}${pairs(fields)}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function time(): string {
  return new Date().toISOString().slice(11, 23);
}

function pairs(fields: object): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.map(([key, value]) => `  ${plain(key)}=${plain(textOf(value))}`).join("");
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  return fieldsText(value, MAX_VALUE) ?? "{}";
}

function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is written as text
  return String(text).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    character === "\n" ? "\\n" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
