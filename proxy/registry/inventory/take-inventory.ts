import type { FileProblem } from "../../../collector/kernel/errors.ts";
import type { RegistrySnapshot, ServerEntry } from "../server-entry.ts";
import type { ClientFile, Scope } from "./client-files.ts";
import { leadsTo, type RawServer } from "./leads-to.ts";
import { createMatcher } from "./match.ts";
import { readServers, type ConfiguredServer } from "./read-servers.ts";
import { hidesArgs } from "./safe-args.ts";
import { isExact, packageOf, showTarget, type Target } from "./target.ts";

/** A server that a client is configured with. Nothing in it is a secret or was an argument's, a header's or a variable's value. */
export interface FoundServer {
  readonly client: string;
  readonly scope: Scope;
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly disabled: boolean;
  readonly transport: RawServer["transport"];
  /** The program that carries messages to it, for a client that only speaks to programs. */
  readonly bridge?: string;
  readonly target: Target;
  /** The target in one word. */
  readonly leadsTo: string;
  /** Names of the headers and variables that are set for it, without their values. */
  readonly sets: readonly string[];
  /** Registered servers that lead to the same place, or the one that the proxy is asked for. */
  readonly registeredAs: readonly string[];
  readonly throughProxy: boolean;
  /** What is missing until the proxy may serve it and this client uses the proxy. */
  readonly needs: readonly string[];
}

/** With what is needed to propose it, which holds secrets and is not to be shown. */
export interface InventoryItem {
  readonly found: FoundServer;
  readonly raw: RawServer;
}

export interface Inventory {
  readonly items: readonly InventoryItem[];
  readonly problems: readonly FileProblem[];
}

export interface InventoryOptions {
  readonly files: readonly ClientFile[];
  readonly registry: RegistrySnapshot;
  /** The URLs that this proxy is reached under. */
  readonly proxyUrls: readonly string[];
}

/** Reads the clients' configurations and says of each server what the registry has of it. */
export function takeInventory({ files, registry, proxyUrls }: InventoryOptions): Inventory {
  const matcher = createMatcher(registry, proxyUrls);
  const problems: FileProblem[] = [];
  const items = files.flatMap((file) => readServers(file, problems)).map((server): InventoryItem => {
    const { raw } = server;
    const target = leadsTo(raw);
    const asked = matcher.throughProxy(target);
    const entries = asked === undefined ? matcher.registered(target, raw) : [...registry.servers.values()].filter((entry) => entry.name === asked);
    const needs = entries[0] ? missing(entries[0], asked !== undefined) : asked === undefined ? toRegister(raw, target) : [`a server named "${asked}" in the registry`];
    return { raw, found: describe(server, target, entries, asked !== undefined, needs) };
  });
  return { items, problems };
}

function describe(server: ConfiguredServer, target: Target, entries: readonly ServerEntry[], throughProxy: boolean, needs: readonly string[]): FoundServer {
  const { from, raw } = server;
  return {
    client: from.client,
    scope: from.scope,
    file: from.file,
    line: server.line,
    name: server.name,
    disabled: server.disabled,
    transport: raw.transport,
    ...(raw.bridge === undefined ? {} : { bridge: raw.bridge }),
    target,
    leadsTo: showTarget(target),
    sets: [...Object.keys(raw.headers), ...Object.keys(raw.env)],
    registeredAs: entries.map((entry) => entry.name),
    throughProxy,
    needs,
  };
}

const accountable = ["owner", "contact", "riskTier"] as const;

/** Of a server that is registered: what its entry lacks, and that its client still goes past the proxy. */
function missing(entry: ServerEntry, throughProxy: boolean): string[] {
  return [
    ...accountable.filter((key) => entry[key] === undefined),
    ...(Object.keys(entry.tools).length === 0 ? ["tools' effects"] : []),
    ...(entry.lifecycle === "proposed" ? ["approval"] : []),
    ...(entry.lifecycle === "retired" ? ["removal: it is retired"] : []),
    ...(throughProxy ? [] : ["the proxy's URL in the client"]),
  ];
}

/** Of a server that is not registered: what a person has to say of it. */
function toRegister(raw: RawServer, target: Target): string[] {
  const credentials = Object.keys(raw.headers).length + Object.keys(raw.env).length > 0 || (target.kind !== "url" && hidesArgs(raw.args, packageOf(target)));
  return [
    ...accountable,
    "tools' effects",
    ...(target.kind === "package" && !isExact(target.version) ? ["an exact version"] : []),
    ...(raw.transport === "sse" || raw.transport === "websocket" ? ["a Streamable HTTP URL"] : []),
    ...(target.kind === "unknown" ? ["an endpoint"] : []),
    ...(credentials ? ["its credentials as environment variables"] : []),
  ];
}
