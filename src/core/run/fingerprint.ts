/**
 * What makes two failures the same one: the node, the error's class, and its message without what differs from run to run.
 * Stored with every dead letter, so that a thousand of them can be seen, and mended, as one.
 */
import type { ErrorRecord } from "./event.ts";

const MAX_MESSAGE = 300;

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
/** Not the apostrophe in a word. */
const QUOTED = /"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)/g;
/** With a prefix, or at least eight digits of which one is a number: no word of a language looks like that. */
const HEX = /\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi;
const NUMBER = /\d+(?:[.,]\d+)*/g;

/** The message with what varies replaced: `order "17" of 4.50 EUR` becomes `order <text> of <n> EUR`. */
export function normaliseMessage(message: string): string {
  return message
    .slice(0, 4 * MAX_MESSAGE)
    .replace(UUID, "<uuid>")
    .replace(QUOTED, "<text>")
    .replace(HEX, "<hex>")
    .replace(NUMBER, "<n>")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, MAX_MESSAGE);
}

/** 16 hexadecimal digits: equal for equal node, class and normalised message. */
export function fingerprintOf(node: string, error: ErrorRecord): string {
  const text = [node, error.class, normaliseMessage(error.message)].join("\n");
  return hash(text, 0x811c9dc5) + hash(text, 0x9747b28c);
}

/** FNV-1a with a final mix, so that similar texts differ in every digit. Not for secrets. */
function hash(text: string, seed: number): string {
  let value = seed;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0).toString(16).padStart(8, "0");
}
