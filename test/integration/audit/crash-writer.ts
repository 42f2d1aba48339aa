import { writeSync } from "node:fs";
import { openSpool } from "../../../collector/audit/spool.ts";
import { systemClock } from "../../../collector/kernel/clock.ts";
import { silentLogger } from "../../../collector/kernel/log.ts";
import { draft } from "../../unit/audit/drafts.ts";

/** Appends until it is killed and says, a line each, which sequence numbers it was told are durable. */
const dir = process.argv[2] as string;
const spool = await openSpool({ dir, producerPrefix: "px", clock: systemClock, logger: silentLogger, maxBytes: 1e9, segmentBytes: 200_000 });
for (let n = 1; ; n += 8) {
  const appended = Array.from({ length: 8 }, (_, i) => spool.append(draft(n + i)));
  await Promise.all(appended.map((a) => a.durable));
  // One call, so that a line is there as a whole or not at all.
  writeSync(1, `${appended.at(-1)?.seq}\n`);
}
