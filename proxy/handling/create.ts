import { scanJson, scanText } from "../../collector/text/scan.ts";
import type { Clock } from "../../collector/kernel/clock.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import type { Digester } from "../relay/digest.ts";
import type { Control } from "../state/command.ts";
import { ResultHandling, type ResultHandlingOptions } from "./answer-handling.ts";
import { KeptResults } from "./kept-results.ts";
import type { QuarantineStore } from "./quarantine-store.ts";
import type { Scanner } from "./scanner.ts";

export const textScanner: Scanner = { scanText: (text) => scanText(text), scanJson: (bytes) => scanJson(bytes) };

export interface CreateResultHandlingOptions extends Pick<ResultHandlingOptions, "list" | "noteRead"> {
  readonly control: Pick<Control, "state" | "submit">;
  readonly digester: Digester;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where results wait for a person; without it, what would be quarantined is blocked. */
  readonly quarantine?: QuarantineStore | undefined;
}

/** The handling of answers for one worker. */
export function createResultHandling(options: CreateResultHandlingOptions): ResultHandling {
  const { control, digester, clock, logger, quarantine, list, noteRead } = options;
  return new ResultHandling({
    scan: textScanner,
    definitionOf: (server, tool) => control.state.tools.get(server)?.get(tool),
    kept: quarantine === undefined ? null : new KeptResults({ control, store: quarantine, digester, clock, logger }),
    ...(list ? { list } : {}),
    ...(noteRead ? { noteRead } : {}),
  });
}
