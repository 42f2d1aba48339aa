import { z } from "zod";
import { read, refused, withoutRole } from "../people/refused.ts";
import type { Deciders } from "./command.ts";
import { scopeSchema } from "./control-event.ts";
import type { ControlState, Stop } from "./control-state.ts";

/** A call, as far as a stop looks at it. `tool` and `taskId` are empty where there is none. */
export interface Stoppable {
  readonly agent: string;
  readonly server: string;
  readonly tool: string;
  readonly taskId: string;
}

/**
 * The stop that holds for a call, the oldest of several; null when none does. A stop holds where everything that its scope
 * names fits, and it goes before every rule, approval and exception.
 */
export function stopFor(state: ControlState, call: Stoppable): Stop | null {
  if (state.stops.size === 0) return null;
  for (const stop of state.stops.values()) {
    const { agent, server, tool, taskId } = stop.scope;
    if (agent !== undefined && agent !== call.agent) continue;
    if (server !== undefined && server !== call.server) continue;
    if (tool !== undefined && tool !== call.tool) continue;
    if (taskId !== undefined && taskId !== call.taskId) continue;
    return stop;
  }
  return null;
}

/** Each is looked at for every call. */
const MAX_STOPS = 1000;

const setSchema = z.object({ scope: scopeSchema, reason: z.string().trim().min(1, "say why").max(500) });
const clearSchema = z.object({ stopId: z.string().min(1).max(64), reason: z.string().trim().max(500).default("") });

/** The kill switch: `stop.set` {scope, reason} and `stop.clear` {stopId, reason?}, both for operators. */
export const stopDeciders: Deciders = {
  "stop.set": (state, command, { actor, newId }) => {
    const forbidden = withoutRole(actor, ["operator"]);
    if (forbidden) return forbidden;
    const asked = read(setSchema, command);
    if (!asked.ok) return asked;
    if (state.stops.size >= MAX_STOPS) return refused(429, "E_LIMIT", `there are ${MAX_STOPS} stops already; clear some, or stop a whole agent or server`);
    const stopId = newId("st");
    return { ok: true, events: [{ kind: "stop.set", stopId, ...asked.data }], result: { stopId } };
  },

  "stop.clear": (state, command, { actor }) => {
    const forbidden = withoutRole(actor, ["operator"]);
    if (forbidden) return forbidden;
    const asked = read(clearSchema, command);
    if (!asked.ok) return asked;
    const { stopId, reason } = asked.data;
    if (!state.stops.has(stopId)) return refused(404, "E_NOT_FOUND", "there is no such stop");
    return { ok: true, events: [{ kind: "stop.cleared", stopId, reason }], result: { stopId } };
  },
};
