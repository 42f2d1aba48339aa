import { namesEnvironment } from "../placeholders.ts";
import type { Endpoint, ServerEntry } from "../server-entry.ts";
import { SERVER_JSON_SCHEMA } from "./schema.ts";

const MAX_DESCRIPTION = 100;

/**
 * An entry as an official server.json that describes the server where it is. One that was imported comes out as it came
 * in, in what the entry has not changed since.
 */
export function exportServerJson(entry: ServerEntry, namespace: string): Record<string, unknown> {
  const known = entry.serverJson;
  return {
    $schema: SERVER_JSON_SCHEMA,
    ...known,
    ...identity(entry, namespace),
    ...(known ? {} : whereabouts(entry)),
  };
}

/** The same for those who are to come through the proxy: its own URL, and nothing of what is behind it. */
export function proxiedServerJson(entry: ServerEntry, namespace: string, proxyUrl: string | undefined): Record<string, unknown> {
  const { title, websiteUrl, repository } = entry.serverJson ?? {};
  return {
    $schema: SERVER_JSON_SCHEMA,
    ...identity(entry, namespace),
    ...Object.fromEntries(Object.entries({ title, websiteUrl, repository }).filter(([, value]) => value !== undefined)),
    ...(proxyUrl === undefined ? {} : { remotes: [{ type: "streamable-http", url: proxyUrl }] }),
  };
}

/** The name that the format asks for: the one that it was imported under, or its own in the namespace of this installation. */
export function officialName(entry: ServerEntry, namespace: string): string {
  const known = entry.serverJson?.name;
  return typeof known === "string" ? known : `${namespace}/${entry.name}`;
}

/** `https://mcp.example.com` owns `com.example.mcp`. A host without a name is `localhost`. */
export function namespaceOf(publicUrl: string): string {
  const { hostname } = new URL(publicUrl);
  if (!/[a-z]/i.test(hostname) || hostname.startsWith("[")) return "localhost";
  return hostname.split(".").reverse().join(".");
}

function identity(entry: ServerEntry, namespace: string): Record<string, unknown> {
  const description = entry.description || entry.name;
  return {
    name: officialName(entry, namespace),
    description: description.length <= MAX_DESCRIPTION ? description : `${description.slice(0, MAX_DESCRIPTION - 3)}...`,
    version: entry.version,
  };
}

function whereabouts({ endpoint, version }: ServerEntry): Record<string, unknown> {
  if (endpoint.transport !== "stdio") {
    const headers = keyValues(endpoint.headers);
    return { remotes: [{ type: endpoint.transport, url: endpoint.url, ...(headers.length === 0 ? {} : { headers }) }] };
  }
  const found = packageOf(endpoint, version);
  return found ? { packages: [found] } : {};
}

/** What names a variable of the proxy is for whoever runs the server to bring; the environment's are taken for secrets. */
function keyValues(values: Readonly<Record<string, string>>): Record<string, unknown>[] {
  return Object.entries(values).map(([name, value]) => {
    if (namesEnvironment(value)) return { name, isRequired: true, isSecret: true };
    return value.includes("${") ? { name, isRequired: true } : { name, value };
  });
}

const runners: Readonly<Record<string, string>> = { npx: "npm", uvx: "pypi" };

/** The package that a command runs, where it is one of the known runners; other commands are nothing that could be fetched. */
function packageOf(endpoint: Extract<Endpoint, { transport: "stdio" }>, version: string): Record<string, unknown> | undefined {
  const { command, args, env } = endpoint;
  const variables = keyValues(env);
  const more = { transport: { type: "stdio" }, ...(variables.length === 0 ? {} : { environmentVariables: variables }) };
  if (command.startsWith("node:")) return { registryType: "npm", identifier: command.slice("node:".length), version, ...packageArguments(args), ...more };
  const registryType = runners[command];
  if (registryType === undefined) return undefined;
  const [name, ...rest] = args.filter((arg, i) => i > 0 || arg !== "-y");
  const split = /^(@?[^@]+)@(.+)$/.exec(name ?? "");
  if (!split) return undefined;
  return { registryType, identifier: split[1], version: split[2], ...packageArguments(rest), ...more };
}

/** Placeholders of ours mean nothing elsewhere: there the argument is for whoever runs the server to give. */
function packageArguments(args: readonly string[]): Record<string, unknown> {
  if (args.length === 0) return {};
  return { packageArguments: args.map((value, i) => (value.includes("${") ? { type: "positional", valueHint: `argument_${i + 1}`, isRequired: true } : { type: "positional", value })) };
}
