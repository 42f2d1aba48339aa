import { isCallable } from "./callable.ts";
import { pastSunset } from "./lifecycle.ts";
import type { RegistrySnapshot, ServerEntry } from "./server-entry.ts";

/** A server that may be called for a kind of task. */
export interface ApprovedServer {
  readonly server: string;
  readonly version: string;
  readonly lifecycle: ServerEntry["lifecycle"];
  readonly sunset?: string | undefined;
  readonly riskTier: string;
  readonly owner: string;
  readonly mode: ServerEntry["mode"];
}

export interface ApprovedFor {
  /** `*` stands for any class that no server names: what is open to every kind of task. */
  readonly taskClass: string;
  readonly servers: readonly ApprovedServer[];
}

/**
 * Which servers are approved for which task classes, as `isCallable` decides it: one row a class that an entry names, and
 * one for all others. With `taskClass`, the one row of that class.
 */
export function approvedServers(registry: RegistrySnapshot, where: { environment: string; nowMs: number; taskClass?: string | undefined }): ApprovedFor[] {
  const entries = [...registry.servers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const named = new Set(entries.flatMap((entry) => entry.taskClasses));
  const classes = where.taskClass === undefined ? [...[...named].sort(), anyClass] : [where.taskClass];
  return classes.map((taskClass) => ({
    taskClass,
    servers: entries.filter((entry) => isCallable(entry, { ...where, taskClass }).ok).map(approvedServer),
  }));
}

/** No entry can name it for itself: the schema's classes are those of tasks, and a task has one. */
const anyClass = "*";

/** Whether anybody at all may call the server here now. */
export function isOpen(entry: ServerEntry, where: { environment: string; nowMs: number }): boolean {
  return (entry.lifecycle === "approved" || entry.lifecycle === "deprecated") && !pastSunset(entry, where.nowMs) && entry.environments.includes(where.environment);
}

function approvedServer(entry: ServerEntry): ApprovedServer {
  const { name, version, lifecycle, sunset, riskTier, owner, mode } = entry;
  return { server: name, version, lifecycle, ...(sunset === undefined ? {} : { sunset }), riskTier: riskTier ?? "", owner: owner ?? "", mode };
}
