import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";
import { signalbox } from "../support/run-command.ts";
import type { Stack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";

/** How often each answered call is stored, and what the tables and the audit say of the whole. */
export interface Books {
  readonly answered: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Numbers that a producer gave and `calls` does not have. */
  readonly gaps: number;
  readonly problems: readonly string[];
}

export interface BookKeeper {
  /** Resolves when every answered call is in `calls`, or after the time. */
  settle(answered: ReadonlySet<string>, timeoutMs: number): Promise<void>;
  check(answered: ReadonlySet<string>): Promise<Books>;
  /** Calls that the register says were let through unrecorded, and how many calls to the server are in it one by one. */
  letThrough(server: string): Promise<{ counted: number; recorded: number }>;
  /** Runs `signalbox audit verify`; null when it finds nothing. */
  verify(): Promise<string | null>;
  close(): Promise<void>;
}

const COUNTS = "SELECT rpc_id AS id, toUInt32(count()) AS n FROM calls WHERE method = 'tools/call' GROUP BY rpc_id";
const GAPS = "SELECT sum(missing) AS n FROM (SELECT toInt64(max(seq)) - uniqExact(seq) AS missing FROM calls GROUP BY producer)";
const SUMS =
  "SELECT (SELECT sum(attempts) FROM calls) AS raw, (SELECT sum(calls) FROM calls_1m) AS rollup, " +
  "(SELECT sum(calls) FROM latency_1m) AS sketches, (SELECT count() FROM calls WHERE isNotNull(upstream_us)) AS forwarded";

export function keepBooks(stack: Stack): BookKeeper {
  const client = createClient({ url: stack.storeUrl, username: "default", database: "signalbox", log: { level: ClickHouseLogLevel.OFF } });
  const counts = async (): Promise<Map<string, number>> => new Map((await rows<{ id: string; n: number }>(client, COUNTS)).map((row) => [row.id, row.n]));
  const numbers = async (sql: string): Promise<Record<string, number>> => {
    const [row = {}] = await rows<Record<string, string>>(client, sql);
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
  };
  return {
    async settle(answered, timeoutMs) {
      // `calls` is written before what is derived from it.
      const settled = async (): Promise<boolean> => lostOf(answered, await counts()) === 0 && agree(await numbers(SUMS));
      await waitFor("every answered call to be stored", settled, { timeoutMs, everyMs: 200 }).catch(() => undefined);
    },
    async check(answered) {
      const stored = await counts();
      const sums = await numbers(SUMS);
      const problems: string[] = [];
      if (sums.raw !== sums.rollup) problems.push(`calls_1m counts ${sums.rollup} calls, calls has ${sums.raw}`);
      if (sums.sketches !== sums.forwarded) problems.push(`latency_1m counts ${sums.sketches} calls, calls has ${sums.forwarded} that were forwarded`);
      return {
        answered: answered.size,
        lost: lostOf(answered, stored),
        duplicated: [...stored.values()].filter((n) => n > 1).length,
        gaps: (await numbers(GAPS)).n ?? 0,
        problems,
      };
    },
    async letThrough(server) {
      const found = await numbers(`SELECT sumIf(attempts, outcome = 'unrecorded') AS counted, countIf(outcome != 'unrecorded') AS recorded FROM calls WHERE server = '${server}'`);
      return { counted: found.counted ?? 0, recorded: found.recorded ?? 0 };
    },
    async verify() {
      const { code, stdout, stderr } = await signalbox(["--config", stack.configFile, "audit", "verify"], { cwd: stack.dir });
      return code === 0 ? null : (stdout + stderr).trim();
    },
    close: () => client.close(),
  };
}

async function rows<T>(client: ClickHouseClient, query: string): Promise<T[]> {
  return (await client.query({ query, format: "JSONEachRow" })).json<T>();
}

const lostOf = (answered: ReadonlySet<string>, stored: ReadonlyMap<string, number>): number => [...answered].filter((id) => !stored.has(id)).length;

const agree = (sums: Record<string, number>): boolean => sums.raw === sums.rollup && sums.sketches === sums.forwarded;

export interface ChaosCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly figure: string;
}

export const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
