import { mkdirSync } from "node:fs";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { JsonObject } from "../transport/envelope.ts";
import type { Control } from "../state/command.ts";
import { approvalStatus } from "./approvals.ts";
import { canonicalJson } from "./request-digest.ts";

const FILE = /^(ap-[0-9a-z]{1,40})\.json(?:\.new)?$/;
const MAX_CHARACTERS = 64 * 1024;
/** No request waits for longer. */
const MAX_AGE_MS = 8 * 86_400_000;

/**
 * What a held call asks for, word for word, so that people do not approve what they cannot see. Arguments are kept
 * here and, where the registry asks for it, as payloads (collector/payload): one file a request, readable by the proxy's own
 * user, gone when the request is decided or expires.
 */
export interface HeldArguments {
  /** Keeps the parameters of a call whose approval was just requested. Never rejects: without them, people see names and no values. */
  put(approvalId: string, params: JsonObject | null): Promise<void>;
  /** The parameters as JSON with its members in order, cut at 64 Ki characters; null where there are none (any more). */
  read(approvalId: string): Promise<string | null>;
  /** Removes what is no longer waited for; `put` does so too. */
  sweep(): Promise<void>;
  stop(): void;
}

export function createHeldArguments(options: { directory: string; control: Control; clock: Clock; logger: Logger }): HeldArguments {
  const { directory, control, clock, logger } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (approvalId: string): string | null => (FILE.test(`${approvalId}.json`) ? join(directory, `${approvalId}.json`) : null);
  const isPending = (approvalId: string): boolean => {
    const found = control.state.approvals.get(approvalId);
    return found !== undefined && approvalStatus(found, clock.nowMs()) === "pending";
  };
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      logger.warn({ err: error }, what);
    }
  };

  async function sweep(): Promise<void> {
    await attempt("held arguments could not be removed", async () => {
      for (const file of await readdir(directory)) {
        const approvalId = FILE.exec(file)?.[1];
        if (approvalId === undefined || isPending(approvalId)) continue;
        // One that is unknown here may have been requested a moment ago through another worker.
        const lost = !control.state.approvals.has(approvalId);
        if (lost && (await stat(join(directory, file))).mtimeMs > clock.nowMs() - MAX_AGE_MS) continue;
        await rm(join(directory, file), { force: true });
      }
    });
  }

  // Every worker hears of every decision; whichever removes the file first, the others find nothing.
  const unsubscribe = control.onEntry(({ event }) => {
    if (event.kind !== "approval.decided" && event.kind !== "approval.used") return;
    const file = fileOf(event.approvalId);
    if (file !== null && !isPending(event.approvalId)) void attempt("held arguments could not be removed", () => rm(file, { force: true }));
  });

  return {
    async put(approvalId, params) {
      const file = fileOf(approvalId);
      if (file === null) return;
      await sweep();
      await attempt("the arguments of a held call could not be kept", async () => {
        const { _meta: _, ...asked } = params ?? {};
        await writeFile(`${file}.new`, canonicalJson(asked).slice(0, MAX_CHARACTERS), { mode: 0o600 });
        await rename(`${file}.new`, file);
      });
    },
    async read(approvalId) {
      const file = fileOf(approvalId);
      if (file === null || !isPending(approvalId)) return null;
      return readFile(file, "utf8").catch(() => null);
    },
    sweep,
    stop: unsubscribe,
  };
}
