/** Signals and events as a host sends them. */
import { z } from "zod";
import { fits, NAME } from "../core/definition/names.ts";
import { FlowForgeError } from "../core/errors.ts";
import type { CallerTransaction } from "../postgres/caller-transaction.ts";
import { type InWorkspace, inWorkspaceSchema } from "./call-options.ts";

export interface MessageOptions extends InWorkspace {
  /**
   * What makes the message the same one when it is sent again: a run takes each id once. 1 to 200 characters without control
   * characters. Default: a new one for every call.
   */
  readonly id?: string | undefined;
}

export interface PublishOptions extends MessageOptions {
  /**
   * The event becomes part of this transaction, as a run does with `tx` of `runs.start`: it is there exactly if the transaction commits, and
   * is handed on after that, within about a second; at once where `engine.transaction` has opened it. Default: a commit of its own.
   */
  readonly tx?: CallerTransaction | undefined;
}

export const messageSchema: z.ZodObject = inWorkspaceSchema.extend({
  id: z
    .string()
    .min(1)
    .max(200)
    // oxlint-disable-next-line no-control-regex -- they are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, "must not hold control characters")
    .optional(),
});

export const publishSchema: z.ZodObject = messageSchema.extend({ tx: z.unknown().optional() });

/** Throws `option_invalid` for a name that no wait can have. */
export function assertMessageName(kind: "signal" | "event", name: unknown): asserts name is string {
  if (typeof name === "string" && fits(NAME, name)) return;
  throw new FlowForgeError("option_invalid", {
    subject: `the name of a ${kind}`,
    expected: NAME.words,
    received: typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : typeof name,
    next: `Give the name that the wait node has as "${kind}".`,
  });
}
