import type { Clock } from "../../collector/kernel/clock.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Control } from "../state/command.ts";
import { isObject, type JsonObject } from "../transport/envelope.ts";
import type { Call } from "./call.ts";
import { mayBeCalled } from "./judge.ts";

/** What a caller gets of a list, and how much of it something kept back. */
export interface ListedResult {
  readonly result: JsonObject;
  /** Entries that the caller may not use whatever it asks. */
  readonly hidden: number;
}

export interface ListFilterOptions {
  readonly controlPlane: () => Pick<ControlPlane, "policies">;
  readonly control: Pick<Control, "state">;
  readonly clock: Clock;
  readonly environment: string;
}

interface Kind {
  readonly method: "tools/call" | "prompts/get" | "resources/read";
  readonly target: "tool" | "prompt" | "resourceUri" | "template";
  /** The member of an entry that names it. */
  readonly named: "name" | "uri" | "uriTemplate";
}

/** The members of a list's result, and what their entries are for. */
const kinds: Readonly<Record<string, Kind>> = {
  tools: { method: "tools/call", target: "tool", named: "name" },
  prompts: { method: "prompts/get", target: "prompt", named: "name" },
  resources: { method: "resources/read", target: "resourceUri", named: "uri" },
  resourceTemplates: { method: "resources/read", target: "template", named: "uriTemplate" },
};
const members = Object.keys(kinds);

export const isList = (result: JsonObject): boolean => members.some((member) => Array.isArray(result[member]));

/**
 * A list holds what its reader may use, be it with some arguments only, at some moment or after a person agreed; what no
 * call could reach is left out. Pages stay as the server cut them, so one may become short or empty. An entry without a name
 * has nothing that could be called and is left out too.
 */
export function createListFilter({ controlPlane, control, clock, environment }: ListFilterOptions): (call: Call, result: JsonObject) => ListedResult {
  return (call, result) => {
    const { entry, identity } = call;
    const filtered: JsonObject = { ...result };
    let hidden = 0;
    if (entry !== null && identity !== null) {
      const plane = controlPlane();
      const nowMs = clock.nowMs();
      const moment = { state: control.state, serverVersion: call.serverVersion || entry.version };
      for (const member of members) {
        const items = result[member];
        if (!Array.isArray(items)) continue;
        const { method, target, named } = kinds[member]!;
        const kept = (items as unknown[]).filter((item) => {
          const name = isObject(item) ? item[named] : undefined;
          if (typeof name !== "string") return false;
          const asked = { method, tool: "", prompt: "", resourceUri: "", ...(target === "template" ? {} : { [target]: name }) };
          return mayBeCalled(plane, entry, identity, asked, environment, nowMs, moment, target === "template" ? name : undefined);
        });
        hidden += items.length - kept.length;
        filtered[member] = kept;
      }
    }
    return { result: withPrivateScope(filtered), hidden };
  };
}

/** How long a list that was made for one caller may be kept: files, stops and exceptions change what is in it. */
const MAX_TTL_MS = 60_000;

/** Nobody else may be given what one caller may see. Only the newest revision says how results may be kept. */
export function withPrivateScope(result: JsonObject): JsonObject {
  const { cacheScope, ttlMs } = result;
  if (cacheScope === undefined && ttlMs === undefined) return result;
  // A number that is kept as it was written is an object of its own.
  const ms = isObject(ttlMs) ? Number(ttlMs.rawJSON) : ttlMs;
  return { ...result, cacheScope: "private", ...(typeof ms === "number" && ms > MAX_TTL_MS ? { ttlMs: MAX_TTL_MS } : {}) };
}
