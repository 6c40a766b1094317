/** Messages to runs, as they come in. */
import type { AppendResult, InboxMessage, MessageBody } from "../../core/ports/message.ts";
import { runBytes, type MemoryMessage, type MemoryRun, type Tables } from "./tables.ts";

/** What a run at rest takes as long as it has dead letters. */
const AFTER_THE_END: ReadonlySet<MessageBody["kind"]> = new Set(["cancel", "redrive", "complete", "discard"]);

export function appendMessage(
  tables: Tables,
  run: MemoryRun,
  { message, size }: { readonly message: MemoryMessage; readonly size: NonNullable<InboxMessage["size"]> },
): AppendResult {
  const { finishedAt, deadLetters } = run.header;
  if (run.inbox.has(message.id) || run.used.has(message.id)) return "repeated";
  if (finishedAt !== null && !(deadLetters > 0 && AFTER_THE_END.has(message.kind))) return "finished_run";
  if (size.bytes > 0 && runBytes(run) + size.bytes > size.limit) return "full";
  run.bytes += size.bytes;
  run.inbox.set(message.id, message);
  run.header = Object.freeze({ ...run.header, seq: run.header.seq + 1 });
  tables.noteInbox(run);
  return "stored";
}
