/** The model's signals and events: who takes one that comes, and which are kept for later. */
import type { KeptMessage } from "../../../src/core/run/state.ts";
import { Ledger } from "./model-ledger.ts";
import { asks } from "./model-rules.ts";

export class MessageModel extends Ledger {
  cancelled = false;
  compensate = false;
  kept: readonly KeptMessage[] = [];

  protected receive(came: KeptMessage): void {
    if (this.cancelled || this.compensate || this.kept.some((kept) => kept.id === came.id)) return;
    if (!this.paused && this.deliver(came)) return;
    if (came.kind === "event" && !this.waits().some((id) => this.#mayStillAsk(id, came))) return;
    this.kept = [...this.kept, came];
    this.commands.push(`keepMessage ${came.id}`);
  }

  /** `true`: somebody was woken. */
  protected deliver(came: KeptMessage): boolean {
    const asking = this.waits().filter((id) => {
      const { status, dueAt } = this.told(id);
      return (
        status === "waiting" &&
        (dueAt === null || came.receivedAt <= dueAt) &&
        asks(this.wait(id), came, this.scope())
      );
    });
    for (const id of came.kind === "signal" ? asking.slice(0, 1) : asking)
      this.decided(id, "received", came.payload);
    return asking.length > 0;
  }

  #mayStillAsk(id: string, { name }: KeptMessage): boolean {
    const wait = this.wait(id).for;
    const { status, failure } = this.told(id);
    const asksLater = status === "pending" || failure === "open" || (this.paused && status === "waiting");
    return "event" in wait && wait.event === name && asksLater;
  }

  protected use(kept: KeptMessage): void {
    this.kept = this.kept.filter((other) => other !== kept);
    this.commands.push(`dropMessage ${kept.id}`);
  }
}
