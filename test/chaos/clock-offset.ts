/**
 * Loaded in front of a role (`node --import`): its wall clock then runs as many milliseconds off as the file named by
 * CHAOS_CLOCK_FILE says, from the moment that it says so. Durations stay real, as they do when a system's clock is set.
 */
import { readFileSync, watchFile } from "node:fs";

const file = process.env.CHAOS_CLOCK_FILE;
const realNow = Date.now;
let offsetMs = 0;

if (file !== undefined) {
  const read = (): void => {
    try {
      offsetMs = Number(readFileSync(file, "utf8")) || 0;
    } catch {
      // It is being written.
    }
  };
  read();
  watchFile(file, { interval: 100, persistent: false }, read);
  Date.now = () => realNow() + offsetMs;
}
