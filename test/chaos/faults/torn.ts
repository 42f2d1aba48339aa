import { closeSync, copyFileSync, openSync, readdirSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { eachLine, writtenBytes } from "../../../collector/audit/line.ts";
import { signalbox } from "../../support/run-command.ts";
import { waitFor } from "../../support/wait.ts";
import type { Random } from "../../support/random.ts";
import type { Fault, World } from "../fault.ts";

/** The machine goes down in the middle of a write: part of a line is there, and no call was answered on the strength of it. */
export const tornWrite: Fault = {
  name: "torn-write",
  what: "torn last segment: a write cut off",
  async inject(world) {
    await killed(world);
    for (const path of lastSegments(world)) {
      const { bytes, lines } = segment(path);
      const line = lines[world.random.int(0, lines.length)];
      if (line === undefined) continue;
      const part = bytes.subarray(line.start, line.start + world.random.int(1, line.end - line.start));
      const file = openSync(path, "r+");
      writeSync(file, part, 0, part.length, bytes.length);
      closeSync(file);
    }
  },
  endure: ({ answered }) => answered(50),
  heal: async () => {},
  expected: { refused: "none", failed: "any", gaps: 0 },
};

/**
 * Records that were durable are cut off. The proxy must not go on as if they had never been; whoever looks must be told which
 * ones are missing, and with the segment put back everything is there.
 */
export function destroyedTail(): Fault {
  let cut: { path: string; copy: string; first: string; last: string; records: number } | null = null;
  let named = "";
  return {
    name: "destroyed-tail",
    what: "torn last segment: durable records cut off",
    async inject(world) {
      await world.stack.roles.get("collector")?.stop();
      await world.answered(150);
      // Their hashes are kept within a second, which is what shows that they are missing.
      const seen = world.load.answered.size;
      await waitFor("hashes to be kept", () => world.load.answered.size > seen + 300, { timeoutMs: 60_000 });
      await killed(world);
      cut = cutTail(world);
    },
    async endure(world) {
      const found = cut;
      if (found === null) throw new Error("there was no segment to cut");
      const log = join(world.stack.dir, "logs", "proxy.log");
      await waitFor(`the proxy to name ${found.first}`, () => readFileSync(log, "utf8").includes(found.first), { timeoutMs: 30_000 });
      const { code, stdout, stderr } = await signalbox(["--config", world.stack.configFile, "audit", "verify", "--no-store"], { cwd: world.stack.dir });
      const line = (stdout + stderr).split("\n").find((one) => one.includes(`${found.first} `) && one.includes(found.last));
      if (code === 0 || line === undefined) throw new Error(`audit verify does not name ${found.first} to ${found.last}: ${stdout}${stderr}`);
      named = `${found.records} of ${found.records} named`;
    },
    async heal(world) {
      if (cut) copyFileSync(cut.copy, cut.path);
      await world.stack.start("collector");
    },
    expected: { refused: "none", failed: "any", gaps: 0 },
    named: () => named,
  };
}

/** Resolves when no process of the proxy is left, in the moment before it is started again. */
async function killed({ stack }: World): Promise<void> {
  const role = stack.roles.get("proxy");
  stack.kill("proxy");
  await waitFor("the proxy to be gone", () => role?.pid() === undefined, { everyMs: 1 });
}

function lastSegments({ stack }: World): string[] {
  const root = join(stack.dataDir, "spool");
  const spools = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const last = (dir: string): string[] => readdirSync(dir).filter((name) => /^\d{20}\.ndjson$/.test(name)).sort().slice(-1);
  return spools.flatMap(({ name }) => last(join(root, name)).map((file) => join(root, name, file)));
}

interface Line {
  readonly start: number;
  readonly end: number;
}

function segment(path: string): { bytes: Buffer; lines: Line[] } {
  const all = readFileSync(path);
  const bytes = all.subarray(0, writtenBytes(all));
  const lines: Line[] = [];
  eachLine(bytes, (line, start) => void lines.push({ start, end: start + line.length + 1 }));
  return { bytes, lines };
}

/** At a random byte behind what the collector has. */
function cutTail(world: World) {
  const paths = lastSegments(world).filter((path) => undelivered(path).length > 20);
  if (paths.length === 0) return null;
  const path = world.random.pick(paths);
  const { bytes } = segment(path);
  const lines = undelivered(path);
  const at = placeToCut(lines, world.random);
  const copy = join(world.stack.dir, "cut-segment");
  copyFileSync(path, copy);
  const { producer, seq } = JSON.parse(bytes.toString("utf8", lines[at]!.start + 9, lines[at]!.end)) as { producer: string; seq: number };
  truncateSync(path, world.random.int(lines[at]!.start, lines[at]!.end));
  const kept = keptHashes(path);
  return { path, copy, first: `${producer}-${seq}`, last: `${producer}-${kept}`, records: kept - seq + 1 };
}

function undelivered(path: string): Line[] {
  const { acked } = JSON.parse(readFileSync(join(path, "..", "cursor.json"), "utf8")) as { acked: { seq: number } };
  return segment(path).lines.slice(Math.max(0, acked.seq - Number(basename(path, ".ndjson")) + 1));
}

/** Far from the end, whose hashes may not have been kept yet. */
const placeToCut = (lines: readonly Line[], random: Random): number => random.int(Math.floor(lines.length / 3), Math.floor(lines.length / 2));

/** The number of the last record whose hash is kept beside the segments. */
function keptHashes(segmentPath: string): number {
  const dir = join(segmentPath, "..");
  const name = readdirSync(dir).filter((one) => one.endsWith(".leaves")).sort().at(-1)!;
  return Number(name.slice(0, 20)) + Math.floor(readFileSync(join(dir, name)).length / 32) - 2;
}
