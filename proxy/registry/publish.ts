import type { Clock } from "../../collector/kernel/clock.ts";
import type { Stoppable } from "../../collector/kernel/lifecycle.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import { resolveOwner } from "./people.ts";
import type { RegistrySnapshot, ServerEntry } from "./server-entry.ts";

/** What publishing needs of a store; collector/store/client.ts has it. */
export interface PublishStore {
  insert(table: string, rows: readonly object[], options?: { deduplicationToken?: string }): Promise<void>;
}

export interface PolicyVersion {
  readonly version: string;
  /** The rules as text, whole. */
  readonly rules: string;
}

export interface Publisher extends Stoppable {
  /** Both return at once; what could not be stored is tried again until something newer takes its place. */
  registry(snapshot: RegistrySnapshot): void;
  policies(policies: PolicyVersion): void;
}

interface Batch {
  readonly table: string;
  readonly rows: readonly object[];
  readonly token: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Keeps in the store which registry and which rules were in force, so that a record's revision and policy version can be
 * looked up later. Nothing waits for it: the proxy serves just the same while the store is away.
 */
export function createPublisher(options: { store: PublishStore; clock: Clock; logger: Logger }): Publisher {
  const { store, clock, logger } = options;
  const waiting = new Map<string, Batch>();
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let waitMs = FIRST_WAIT_MS;
  let stopped = false;

  /** Policy versions queue up, because each was in force; a registry revision only gives way to its own repetition. */
  const enqueue = (batch: Batch): void => {
    waiting.set(`${batch.table} ${batch.token}`, batch);
    if (waiting.size > 64) waiting.delete(waiting.keys().next().value!);
    void work();
  };

  async function work(): Promise<void> {
    if (running || stopped) return;
    running = true;
    clearTimeout(timer);
    try {
      for (const [key, batch] of waiting) {
        await store.insert(batch.table, batch.rows, { deduplicationToken: batch.token });
        if (waiting.get(key) === batch) waiting.delete(key);
      }
      waitMs = FIRST_WAIT_MS;
    } catch (error) {
      logger.debug({ err: error }, "the registry could not be published yet");
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    } finally {
      running = false;
    }
    if (waiting.size > 0 && !stopped) timer = setTimeout(() => void work(), waitMs).unref();
  }

  const publishedAt = (): string => new Date(clock.nowMs()).toISOString();

  return {
    registry(snapshot) {
      if (snapshot.servers.size === 0) return;
      const published_at = publishedAt();
      const rows = [...snapshot.servers.values()].map((entry) => registryRow(snapshot, entry, published_at));
      // The time is part of the token: a revision that comes back is in force again, and must be the latest row.
      enqueue({ table: "registry_servers", rows, token: `${snapshot.revision} ${published_at}` });
    },
    policies({ version, rules }) {
      enqueue({ table: "policy_versions", rows: [{ version, published_at: publishedAt(), rules }], token: version });
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      return Promise.resolve();
    },
  };
}

/** One row of `registry_servers`. */
function registryRow({ revision, people }: RegistrySnapshot, entry: ServerEntry, published_at: string): object {
  const party = resolveOwner(people, entry.owner);
  const { credential, rollout } = entry;
  const tools = Object.entries(entry.tools);
  return {
    revision,
    published_at,
    server: entry.name,
    version: entry.version,
    description: entry.description,
    owner: entry.owner ?? "",
    owner_kind: party?.kind ?? "",
    owner_members: party?.members ?? [],
    contact: entry.contact ?? "",
    risk_tier: entry.riskTier ?? "",
    data_domains: entry.dataDomains,
    lifecycle: entry.lifecycle,
    sunset: entry.sunset ?? null,
    replaced_by: entry.replacedBy ?? "",
    environments: entry.environments,
    task_classes: entry.taskClasses,
    mode: entry.mode,
    transport: entry.endpoint.transport,
    credential: credential?.name ?? "",
    credential_rotated_at: credential?.rotatedAt ?? null,
    credential_rotate_every_days: credential?.rotateEveryDays ?? 0,
    rollout_versions: rollout.map((one) => one.version),
    // A retired version gets no calls, whatever its file still says.
    rollout_weights: rollout.map((one) => (one.lifecycle === "retired" ? 0 : one.weight)),
    tools: tools.map(([name]) => name),
    tool_effects: tools.map(([, tool]) => tool.effect),
    entry: JSON.stringify(entry),
  };
}
