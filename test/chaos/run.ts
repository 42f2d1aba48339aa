/**
 * npm run chaos: calls through the proxy while its pipeline is killed again and again; afterwards every call that got an
 * answer is stored exactly once, the rollups equal the rows and the audit verifies. `--short` is what CI runs.
 */
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { startChildServer } from "../support/child-server.ts";
import { startStack, type RoleName } from "../support/stack.ts";
import { seededRandom } from "../support/random.ts";
import { checkRecord, type ChaosCheck } from "./check.ts";
import { runLoad } from "./load.ts";
import { checkTampering } from "./tamper.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "20000" },
    kills: { type: "string", default: "12" },
    seed: { type: "string", default: "7" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("npm run chaos -- [--calls 20000] [--kills 12] [--seed 7] [--short] [--json] [--keep]");
  process.exit(0);
}
const calls = values.short ? 3000 : Number(values.calls);
const kills = values.short ? 4 : Number(values.kills);
const random = seededRandom(Number(values.seed));
const say = (line: string): void => void (values.json ? undefined : console.log(line));

const upstream = await startChildServer(new URL("../bench/upstream.ts", import.meta.url));
const stack = await startStack({
  roles: ["store", "collector", "proxy"],
  servers: [
    {
      name: "echo",
      owner: "chaos",
      contact: "chaos@example.com",
      riskTier: "low",
      lifecycle: "approved",
      endpoint: { transport: "streamable-http", url: upstream.url },
    },
  ],
  rules: [{ id: "all", effect: "allow", match: { servers: ["echo"] } }],
  agents: ["chaos"],
});
const killed: Partial<Record<RoleName, number>> = {};
let failed = false;
try {
  // The moments are drawn as counts of answered calls, so that a fast machine and a slow one see the same order of faults.
  const moments = Array.from({ length: kills }, (_, i) => Math.floor(((i + 0.2 + 0.6 * random.next()) * calls) / kills));
  const victims: RoleName[] = moments.map((_, i) => (["store", "collector", "proxy"] as const)[i % 3] ?? "store");
  let next = 0;
  const load = await runLoad({
    origin: stack.proxyUrl,
    path: "/mcp/echo",
    headers: { authorization: `Bearer ${stack.keys.get("chaos") ?? ""}` },
    count: calls,
    connections: 8,
    onProgress(answered) {
      if (next < moments.length && answered >= (moments[next] ?? Infinity)) {
        const victim = victims[next++] ?? "store";
        killed[victim] = (killed[victim] ?? 0) + 1;
        say(`${String(answered).padStart(6)} answered: kill -9 ${victim}`);
        stack.kill(victim);
      }
    },
  });
  say(`${load.answered.size} calls answered, ${load.attempts} sent, ${load.failures} without an answer`);
  const checks: ChaosCheck[] = [...(await checkRecord(stack, load)), ...(await checkTampering(stack))];
  if (values.json) console.log(JSON.stringify({ calls: load.answered.size, attempts: load.attempts, killed, checks }, null, 2));
  for (const check of checks) {
    failed ||= !check.ok;
    say(`${check.ok ? "ok  " : "FAIL"}  ${check.name}: ${check.figure}`);
  }
  say(`${checks.filter((c) => c.ok).length} passed, ${checks.filter((c) => !c.ok).length} failed`);
} finally {
  await stack.stop({ keep: true });
  await upstream.stop();
  if (values.keep || failed) say(`kept: ${stack.dir}`);
  else rmSync(stack.dir, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
