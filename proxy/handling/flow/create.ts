import { randomUUID } from "node:crypto";
import type { Clock } from "../../../collector/kernel/clock.ts";
import type { Digester } from "../../relay/digest.ts";
import type { Control } from "../../state/command.ts";
import { TaskActivity } from "./task-activity.ts";

/** The activity of one process, which hears of the others' through the control state. */
export function createTaskActivity({ digester, control, clock }: { digester: Digester; control: Control; clock: Clock }): TaskActivity {
  return new TaskActivity({
    digester,
    control,
    self: randomUUID(),
    startedMs: clock.nowMs(),
    openedMs: (taskId) => control.state.tasks.get(taskId)?.openedMs,
  });
}
