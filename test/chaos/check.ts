import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { signalbox } from "../support/run-command.ts";
import type { Stack } from "../support/stack.ts";
import { waitFor } from "../support/wait.ts";
import type { ChaosLoad } from "./load.ts";

export interface ChaosCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly figure: string;
}

/** What the record must say after the faults: nothing lost, nothing doubled, no gap, and a chain that verifies. */
export async function checkRecord(stack: Stack, load: ChaosLoad): Promise<ChaosCheck[]> {
  const client = createClient({ url: stack.storeUrl, username: "default", database: "signalbox", log: { level: ClickHouseLogLevel.OFF } });
  const rows = async <T>(query: string): Promise<T[]> => (await client.query({ query, format: "JSONEachRow" })).json<T>();
  try {
    const stored = await waitFor(
      "every answered call to be stored",
      async () => {
        const counts = new Map((await rows<{ id: string; n: string }>("SELECT rpc_id AS id, count() AS n FROM calls WHERE method = 'tools/call' GROUP BY rpc_id")).map((r) => [r.id, Number(r.n)]));
        return [...load.answered].every((id) => counts.has(id)) ? counts : null;
      },
      { timeoutMs: 120_000, everyMs: 500 },
    ).catch(async () => new Map((await rows<{ id: string; n: string }>("SELECT rpc_id AS id, count() AS n FROM calls WHERE method = 'tools/call' GROUP BY rpc_id")).map((r) => [r.id, Number(r.n)])));
    const lost = [...load.answered].filter((id) => !stored.has(id)).length;
    const doubled = [...stored.values()].filter((n) => n > 1).length;
    const [sums] = await rows<{ raw: string; rollup: string; sketches: string }>(
      `SELECT (SELECT count() FROM calls) AS raw, (SELECT sum(calls) FROM calls_1m) AS rollup, (SELECT sum(calls) FROM latency_1m) AS sketches`,
    );
    const gaps = await rows<{ producer: string; missing: string }>(
      "SELECT producer, max(seq) - count() AS missing FROM calls GROUP BY producer HAVING missing != 0",
    );
    const forwarded = (await rows<{ n: string }>("SELECT count() AS n FROM calls WHERE method = 'tools/call' AND isNotNull(upstream_us)"))[0]?.n;
    const verify = await signalbox(["--config", stack.configFile, "audit", "verify"], { cwd: stack.dir });
    return [
      { name: "answered calls that are not stored", ok: lost === 0, figure: `${lost} of ${load.answered.size}` },
      { name: "calls stored more than once", ok: doubled === 0, figure: String(doubled) },
      { name: "rollup equals rows", ok: sums?.raw === sums?.rollup, figure: `${sums?.rollup} = ${sums?.raw}` },
      { name: "latency sketches equal forwarded calls", ok: sums?.sketches === forwarded, figure: `${sums?.sketches} = ${forwarded}` },
      { name: "gaps in the sequence", ok: gaps.length === 0, figure: String(gaps.length) },
      { name: "signalbox audit verify", ok: verify.code === 0, figure: lastLine(verify.stdout + verify.stderr) },
    ];
  } finally {
    await client.close();
  }
}

export const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
