import { generateTaskToken } from "../identity/task-token.ts";
import type { Actor, Control, Decided } from "../state/command.ts";

/** What may be said of a task that is to be opened; the decider reads it with its schema. */
export interface TaskRequest {
  readonly class?: unknown;
  readonly agent?: unknown;
  readonly owner?: unknown;
  readonly principal?: unknown;
  readonly workItem?: unknown;
  readonly servers?: unknown;
  readonly tools?: unknown;
  readonly budget?: unknown;
  readonly ttlMs?: unknown;
}

/** Opens a task. The token is in the answer and nowhere else: what leaves this process is its hash. */
export async function openTask(control: Control, actor: Actor, request: TaskRequest): Promise<{ decided: Decided; taskId: string; token: string }> {
  const { taskId, token, tokenHash } = generateTaskToken();
  const decided = await control.submit({ ...request, kind: "task.open", taskId, tokenHash }, actor);
  return { decided, taskId, token };
}
