import type { JsonObject } from "../../transport/envelope.ts";
import { CLIENT_CAPABILITIES_KEY, CLIENT_INFO_KEY, FIRST_MODERN, LOG_LEVEL_KEY, PROTOCOL_VERSION_KEY, SERVER_INFO_KEY } from "../classify.ts";
import { objectOf } from "./step.ts";

/** The older revisions that a bridge can speak, the newest first. */
export const legacyRevisions: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

export const bridgeInfo = { name: "signalbox", version: "0" } as const;

/** What means the same in both eras. Tasks and extensions do not: each era has its own. */
const serverWords = ["tools", "prompts", "resources", "completions", "logging", "experimental"] as const;
const clientWords = ["sampling", "elicitation", "roots", "experimental"] as const;

export const serverCapabilities = (of: unknown): JsonObject => picked(of, serverWords);
export const clientCapabilities = (of: unknown): JsonObject => picked(of, clientWords);

function picked(from: unknown, words: readonly string[]): JsonObject {
  const all = objectOf(from);
  return Object.fromEntries(words.filter((word) => all[word] !== undefined).map((word) => [word, all[word]]));
}

/** What `initialize` is answered with, out of what `server/discover` said. */
export function initializeResult(discovered: JsonObject, asked: unknown): JsonObject {
  const { instructions, capabilities } = discovered;
  return {
    protocolVersion: legacyRevisions.find((revision) => revision === asked) ?? legacyRevisions[0],
    capabilities: serverCapabilities(capabilities),
    serverInfo: objectOf(discovered._meta)[SERVER_INFO_KEY] ?? { name: "unnamed", version: "0" },
    ...(instructions === undefined ? {} : { instructions }),
  };
}

/** What `server/discover` is answered with, out of what `initialize` said. */
export function discoverResult(initialized: JsonObject): JsonObject {
  const { instructions, capabilities } = initialized;
  return modernResult("server/discover", { supportedVersions: [FIRST_MODERN], capabilities: serverCapabilities(capabilities), ...(instructions === undefined ? {} : { instructions }) }, initialized.serverInfo);
}

/** Results that say how long they may be kept. A session of the older protocol says nothing about it: not at all, and by nobody else. */
const cacheable: ReadonlySet<string> = new Set(["server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"]);

export function modernResult(method: string, result: JsonObject, serverInfo: unknown): JsonObject {
  const { _meta, ...rest } = result;
  const meta = { ...objectOf(_meta), ...(serverInfo === undefined ? {} : { [SERVER_INFO_KEY]: serverInfo }) };
  return { ...rest, resultType: "complete", ...(cacheable.has(method) ? { ttlMs: 0, cacheScope: "private" } : {}), _meta: meta };
}

export function legacyResult(result: JsonObject): JsonObject {
  const { resultType: _type, ttlMs: _ttl, cacheScope: _scope, _meta, ...rest } = result;
  if (_meta === undefined) return rest;
  const { [SERVER_INFO_KEY]: _info, ...meta } = objectOf(_meta);
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
}

/** A request's parameters as the newest revision wants them: who asks and what he can do stands in each. */
export function modernParams(params: JsonObject, client: { readonly info: unknown; readonly capabilities: JsonObject; readonly logLevel: string | undefined }): JsonObject {
  const { info, capabilities, logLevel } = client;
  return {
    ...params,
    _meta: {
      ...objectOf(params._meta),
      [PROTOCOL_VERSION_KEY]: FIRST_MODERN,
      [CLIENT_INFO_KEY]: info ?? bridgeInfo,
      [CLIENT_CAPABILITIES_KEY]: capabilities,
      ...(logLevel === undefined ? {} : { [LOG_LEVEL_KEY]: logLevel }),
    },
  };
}

/** What `modernParams` adds, and the parts of a round, taken out again. */
export function legacyParams(params: JsonObject): JsonObject {
  const { _meta, inputResponses: _responses, requestState: _state, ...rest } = params;
  const { [PROTOCOL_VERSION_KEY]: _version, [CLIENT_INFO_KEY]: _info, [CLIENT_CAPABILITIES_KEY]: _capabilities, [LOG_LEVEL_KEY]: _level, ...meta } = objectOf(_meta);
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
}

/** Methods of one era alone, which the other has no word for. */
export const onlyLegacy: ReadonlySet<string> = new Set(["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]);
export const isOfTasks = (method: string): boolean => method.startsWith("tasks/");

const levels: readonly string[] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** Whether a message of `level` is for somebody who asked for `wanted` and above; a level that nobody knows is. */
export function isLogged(level: unknown, wanted: string): boolean {
  const at = levels.indexOf(level as string);
  return at < 0 || at >= levels.indexOf(wanted);
}
export const isLevel = (level: unknown): level is string => typeof level === "string" && levels.includes(level);
