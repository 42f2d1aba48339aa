import { scanText } from "../../collector/text/scan.ts";
import type { Logger } from "../../collector/kernel/log.ts";
import { judgeToolList } from "../registry/pins/index.ts";
import { systemActor, type Control } from "../state/command.ts";
import { isObject, type JsonObject } from "../transport/envelope.ts";
import type { Call } from "./call.ts";

/**
 * What a caller may see of a tools/list result, and the place where a changed definition is noticed: what is new or changed
 * is an event before the caller gets the list, so that no call to it can come sooner. Null: all of the list as it is.
 * Versions that are being rolled out beside an entry's own are not compared: their tools are meant to differ.
 */
export function createToolListJudge(options: { control: Control; environment: string; logger: Logger }): (call: Call, result: JsonObject) => Promise<JsonObject | null> {
  const { control, environment, logger } = options;
  return async (call, result) => {
    const { entry } = call;
    const { tools } = result;
    if (entry === null || !Array.isArray(tools) || call.serverVersion !== entry.version) return null;
    const params = call.message?.params;
    const complete = params?.cursor === undefined && result.nextCursor === undefined;
    const judged = judgeToolList(entry, tools as unknown[], control.state.tools, { complete, environment, version: entry.version, score: scoreOf });
    if (judged.events.length > 0) {
      const noted = await control.submit({ kind: "tools.see", tools: judged.events }, systemActor);
      if (!noted.ok) logger.error({ server: entry.name, code: noted.code }, "changed tool definitions could not be noted");
    }
    return judged.tools === tools ? null : { ...result, tools: judged.tools.filter(isObject) };
  };
}

const scoreOf = (text: string): number => scanText(text).score;
