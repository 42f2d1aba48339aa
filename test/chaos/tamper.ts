import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { signalbox } from "../support/run-command.ts";
import type { Stack } from "../support/stack.ts";
import { lastLine, type ChaosCheck } from "./check.ts";

/** One changed byte must show, wherever it is: in a column of `calls`, in a stored span, in a segment of the spool. */
export async function checkTampering(stack: Stack): Promise<ChaosCheck[]> {
  const client = createClient({
    url: stack.storeUrl,
    username: "default",
    database: "signalbox",
    clickhouse_settings: { mutations_sync: "2" },
  });
  const command = (query: string): Promise<unknown> => client.command({ query });
  try {
    const target = await (
      await client.query({ query: "SELECT producer, toString(seq) AS seq FROM calls WHERE reason = 'rule' ORDER BY cityHash64(producer, seq) LIMIT 1", format: "JSONEachRow" })
    ).json<{ producer: string; seq: string }>();
    const { producer, seq } = target[0] ?? { producer: "", seq: "0" };
    const where = `producer = '${producer}' AND seq = ${seq}`;
    const span = `SpanAttributes['signalbox.audit.producer'] = '${producer}' AND SpanAttributes['signalbox.audit.seq'] = '${seq}'`;
    const callId = `${producer}-${seq}`;
    const checks: ChaosCheck[] = [];

    await command(`ALTER TABLE calls UPDATE reason = 'rulf' WHERE ${where}`);
    checks.push(await mustName(stack, "a changed column of calls", callId));
    await command(`ALTER TABLE calls UPDATE reason = 'rule' WHERE ${where}`);

    await command(`ALTER TABLE otel_traces UPDATE SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.decision.reason', 'rulf')) WHERE ${span}`);
    checks.push(await mustName(stack, "a changed attribute of a span", callId));
    await command(`ALTER TABLE otel_traces UPDATE SpanAttributes = mapUpdate(SpanAttributes, map('signalbox.decision.reason', 'rule')) WHERE ${span}`);

    const again = await verify(stack);
    checks.push({ name: "verify passes once the bytes are back", ok: again.code === 0, figure: lastLine(again.stdout + again.stderr) });

    await stack.roles.get("proxy")?.stop();
    const flipped = flipSegmentByte(join(stack.dataDir, "spool"));
    checks.push(flipped === null ? { name: "a changed byte in a spool segment", ok: false, figure: "no segment was left to change" } : await mustName(stack, "a changed byte in a spool segment", flipped));
    return checks;
  } finally {
    await client.close();
  }
}

const verify = (stack: Stack) => signalbox(["--config", stack.configFile, "audit", "verify"], { cwd: stack.dir });

async function mustName(stack: Stack, name: string, callId: string): Promise<ChaosCheck> {
  const { code, stdout, stderr } = await verify(stack);
  const line = (stdout + stderr).split("\n").find((l) => l.includes(callId));
  return { name: `${name} fails the audit and is named`, ok: code !== 0 && line !== undefined, figure: line?.trim() ?? `exit ${code}: ${lastLine(stdout + stderr)}` };
}

/** Changes one letter inside a record in the middle of a segment; answers the call id of that record. */
function flipSegmentByte(spoolDir: string): string | null {
  for (const file of readdirSync(spoolDir, { recursive: true, encoding: "utf8" }).filter((f) => /segment.*\.ndjson$/.test(f) || /\d+\.ndjson$/.test(f))) {
    const path = join(spoolDir, file);
    const text = readFileSync(path, "utf8");
    const lines = text.split("\n").filter((l) => l.includes('"seq"'));
    const line = lines[Math.floor(lines.length / 2)];
    if (line === undefined) continue;
    const producer = /"producer":"([^"]+)"/.exec(line)?.[1];
    const seq = /"seq":(\d+)/.exec(line)?.[1];
    writeFileSync(path, text.replace(line, line.replace('"agent":"chaos"', '"agent":"chaoz"')));
    return `${producer}-${seq}`;
  }
  return null;
}
