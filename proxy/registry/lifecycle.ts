import type { ServerEntry } from "./server-entry.ts";

const DAY_MS = 86_400_000;

/** A deprecated server may be called until the end of its sunset day, in UTC. */
export function pastSunset(entry: Pick<ServerEntry, "lifecycle" | "sunset">, nowMs: number): boolean {
  return entry.lifecycle === "deprecated" && entry.sunset !== undefined && nowMs >= Date.parse(entry.sunset) + DAY_MS;
}

/** What callers and lists are told of a server that is going away. */
export interface DeprecationNotice {
  readonly sunset: string;
  readonly replacedBy?: string | undefined;
  readonly message: string;
}

export function deprecationNotice(entry: ServerEntry): DeprecationNotice | undefined {
  if (entry.lifecycle !== "deprecated" || entry.sunset === undefined) return undefined;
  const { name, sunset, replacedBy } = entry;
  const instead = replacedBy === undefined ? "" : ` Use ${replacedBy} instead.`;
  return { sunset, replacedBy, message: `${name} is deprecated and will be refused after ${sunset}.${instead}` };
}

/** The credential that the proxy uses upstream: its name and its age, in whole days. */
export interface CredentialAge {
  readonly name: string;
  readonly rotatedAt?: string | undefined;
  readonly ageDays?: number | undefined;
  /** Negative once it should have been rotated. */
  readonly dueInDays?: number | undefined;
}

export function credentialAge(entry: ServerEntry, nowMs: number): CredentialAge | undefined {
  if (!entry.credential) return undefined;
  const { name, rotatedAt, rotateEveryDays } = entry.credential;
  if (rotatedAt === undefined) return { name };
  const ageDays = Math.floor((nowMs - Date.parse(rotatedAt)) / DAY_MS);
  return { name, rotatedAt, ageDays, ...(rotateEveryDays === undefined ? {} : { dueInDays: rotateEveryDays - ageDays }) };
}
