import { isOver } from "../tasks/decide.ts";
import type { TaskState } from "../state/control-state.ts";
import type { Control } from "../state/command.ts";
import { credentialOf, hashKeyOf } from "./api-key.ts";
import type { Authentication, Authenticator } from "./identity.ts";
import { isTaskToken } from "./task-token.ts";

const unknown: Authentication = Object.freeze({ ok: false, why: "unknown" });
const over = {
  task_closed: Object.freeze({ ok: false, why: "task_closed" } as const),
  task_expired: Object.freeze({ ok: false, why: "task_expired" } as const),
};

/**
 * Tasks' tokens beside agents' keys. A token is found by its hash in the state as it is now, so a task that was closed here
 * or on another worker is over with the next message. What is no token goes to `keys`.
 */
export function createTaskAuthenticator(keys: Authenticator, control: Pick<Control, "state">): Authenticator {
  /** The answer for an open task, made once. */
  const accepted = new WeakMap<TaskState, Authentication>();
  return Object.freeze({
    ...(keys.version === undefined ? {} : { version: keys.version }),
    authenticate(authorization: string | undefined, apiKey: string | undefined, nowMs: number, connection?: object): Authentication {
      const credential = credentialOf(authorization, apiKey);
      if (credential === undefined || !isTaskToken(credential)) return keys.authenticate(authorization, apiKey, nowMs, connection);
      const found = control.state.taskByToken.get(hashKeyOf(connection, credential));
      if (!found) return unknown;
      const why = isOver(found, nowMs);
      if (why !== null) return over[why];
      let answer = accepted.get(found);
      if (!answer) accepted.set(found, (answer = accept(found)));
      return answer;
    },
  });
}

function accept({ task }: TaskState): Authentication {
  const { agent, principal, taskId, owner, servers, tools, budget } = task;
  return Object.freeze({
    ok: true,
    identity: Object.freeze({
      agent,
      principal,
      delegation: [],
      credentialId: taskId,
      taskId,
      taskClass: task.class,
      taskOwner: owner,
      roles: ["agent" as const],
      budget,
      ...(servers ? { servers } : {}),
      ...(tools ? { tools } : {}),
    }),
  });
}
