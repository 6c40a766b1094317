/** What a turn of a run asks about its workspace: whether a node run may begin here, and whether one may go to the queue. */
import type { Admission } from "./admission.ts";
import type { Gauge } from "./gauge.ts";
import type { QueueRoom } from "./queue-room.ts";

export interface RunAdmission {
  readonly gauge: Gauge;
  /** Others of the workspace wait for room already. */
  readonly hasLine: boolean;
  takeQueueRoom(): boolean;
  undoQueueRoom(tasks: number): void;
  leaveQueue(tasks: number): void;
}

export interface AdmissionParts {
  readonly allowances: Admission;
  readonly room: QueueRoom;
  /** So many of the workspace began without waiting for their turn. */
  charge(workspace: string, turns: number): void;
}

export function runAdmission({ allowances, room }: AdmissionParts, workspace: string): RunAdmission {
  return {
    get gauge() {
      return allowances.gauge(workspace);
    },
    get hasLine() {
      return room.hasLine(workspace);
    },
    takeQueueRoom: () => room.take(workspace),
    undoQueueRoom: (tasks) => room.undo(workspace, tasks),
    leaveQueue: (tasks) => room.leave(workspace, tasks),
  };
}
