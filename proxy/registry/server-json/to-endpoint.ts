import type { z } from "zod";
import type { endpointSchema } from "../server-entry.ts";
import type { Argument, KeyValue, Package, Remote, ServerJson, Variables } from "./schema.ts";

/** An endpoint as it is written in a file, without defaults. */
export type WrittenEndpoint = z.input<typeof endpointSchema>;

export interface Proposal {
  readonly endpoint: WrittenEndpoint;
  /** What a person must still do or know about it. */
  readonly notes: readonly string[];
}

/** Values that the importer gives for variables, by the name of the variable, header or argument. */
export type Given = Readonly<Record<string, string>>;

/** Collects what is decided on the way. */
interface Filling {
  /** Begins the names of environment variables: no name from the file can stand for a variable that is already there. */
  readonly prefix: string;
  readonly given: Given;
  readonly notes: string[];
  /** Variables without any value, which leave no endpoint that could be written down. */
  readonly missing: string[];
}

/**
 * The endpoint that a server.json proposes: a remote before a package, because there is nothing to run. Undefined with
 * the reasons where it has none that the proxy could use.
 */
export function proposeEndpoint(server: ServerJson, name: string, given: Given): Proposal | { readonly endpoint?: undefined; readonly reasons: readonly string[] } {
  const reasons: string[] = [];
  const candidates: (() => WrittenEndpoint | string)[] = [];
  const filling: Filling = { prefix: `${name.toUpperCase().replaceAll("-", "_")}_`, given, notes: [], missing: [] };
  for (const remote of server.remotes ?? []) candidates.push(() => fromRemote(remote, remote.variables ?? {}, filling));
  for (const one of server.packages ?? []) candidates.push(() => fromPackage(one, filling));
  if (candidates.length === 0) reasons.push("it names neither a remote nor a package");
  for (const candidate of candidates) {
    filling.notes.length = filling.missing.length = 0;
    const endpoint = candidate();
    if (typeof endpoint !== "string" && filling.missing.length === 0) return { endpoint, notes: [...filling.notes] };
    reasons.push(typeof endpoint === "string" ? endpoint : `it needs a value for ${filling.missing.join(", ")}`);
  }
  return { reasons };
}

function fromRemote(remote: Exclude<Package["transport"], { type: "stdio" }> | Remote, variables: Variables, filling: Filling): WrittenEndpoint | string {
  // No placeholder of ours works in a URL, and a secret has no place there.
  const secret = Object.keys(variables).find((name) => variables[name]!.isSecret && remote.url.includes(`{${name}}`));
  if (secret !== undefined) return `${remote.url} has a secret in it (${secret})`;
  const url = fill(remote.url, variables, filling);
  const headers = keyValues(remote.headers ?? [], filling);
  return { transport: remote.type, url, ...(Object.keys(headers).length === 0 ? {} : { headers }) };
}

function fromPackage(one: Package, filling: Filling): WrittenEndpoint | string {
  if (one.transport.type !== "stdio") return fromRemote(one.transport, packageVariables(one), filling);
  const env = keyValues(one.environmentVariables ?? [], filling);
  const command = runner(one, Object.keys(env));
  if (typeof command === "string") return command;
  const args = [...command.before, ...(one.runtimeArguments ?? []).flatMap((a) => words(a, filling)), ...command.package, ...(one.packageArguments ?? []).flatMap((a) => words(a, filling))];
  filling.notes.push(command.note);
  return { transport: "stdio", command: command.command, args, ...(Object.keys(env).length === 0 ? {} : { env }) };
}

/** In a package's URL, variables stand for its arguments and environment variables. */
function packageVariables(one: Package): Variables {
  const all = [...(one.environmentVariables ?? []), ...(one.packageArguments ?? []), ...(one.runtimeArguments ?? [])];
  return Object.fromEntries(all.map((input) => [String(("name" in input && input.name) || ("valueHint" in input && input.valueHint) || ""), input]));
}

interface Runner {
  readonly command: string;
  readonly before: readonly string[];
  readonly package: readonly string[];
  readonly note: string;
}

/** The program that runs a package of this kind, and its own words before and after the runtime's arguments. */
function runner(one: Package, env: readonly string[]): Runner | string {
  const { identifier, version } = one;
  const fetched = `${one.runtimeHint ?? one.registryType} fetches the package when it first starts; one that is installed beforehand starts faster and cannot change`;
  switch (one.registryType) {
    case "npm":
      return { command: "npx", before: ["-y"], package: [version ? `${identifier}@${version}` : identifier], note: `${fetched}: npm install ${identifier}, and command: "node:${identifier}"` };
    case "pypi":
      return { command: "uvx", before: [], package: [version ? `${identifier}@${version}` : identifier], note: fetched };
    case "nuget":
      return { command: "dnx", before: [], package: [version ? `${identifier}@${version}` : identifier, "--yes", ...(one.packageArguments?.length ? ["--"] : [])], note: fetched };
    case "oci": {
      const image = version && !/[:@][^/]*$/.test(identifier) ? `${identifier}:${version}` : identifier;
      return { command: "docker", before: ["run", "-i", "--rm", ...env.flatMap((name) => ["-e", name])], package: [image], note: "pin the image by its digest: a tag can be moved" };
    }
    default:
      return `a package of type ${one.registryType} has to be installed by hand first`;
  }
}

/** The words that an argument adds to a command line. One that is optional and has no value adds none. */
function words(argument: Argument, filling: Filling): string[] {
  const label = argument.type === "named" ? argument.name : (argument.valueHint ?? "argument");
  const value = valueOf(label, argument, filling);
  if (value === undefined) {
    if (argument.isRequired) filling.missing.push(label);
    return [];
  }
  if (argument.type === "positional") return [value];
  return value === "" ? [argument.name] : [argument.name, value];
}

/** Headers or environment variables. One that is required and has no value is left to the proxy's environment. */
function keyValues(inputs: readonly KeyValue[], filling: Filling): Record<string, string> {
  const out: Record<string, string> = {};
  for (const input of inputs) {
    const value = valueOf(input.name, input, filling) ?? (input.isRequired ? named(input.name, filling) : undefined);
    if (value === undefined) filling.notes.push(`${input.name} is optional and was left out`);
    else out[input.name] = value;
  }
  return out;
}

/** A secret is an environment variable of the proxy, whatever the file says; the rest is what is given, fixed or usual. */
function valueOf(label: string, input: KeyValue | Argument, filling: Filling): string | undefined {
  if (input.value !== undefined && input.variables !== undefined) return fill(input.value, input.variables, filling);
  if (input.isSecret) return named(label, filling);
  return Object.hasOwn(filling.given, label) ? filling.given[label] : (input.value ?? input.default);
}

function named(label: string, { prefix, notes }: Filling): string {
  const variable = prefix + label.toUpperCase().replace(/[^A-Z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  notes.push(`set the environment variable ${variable} for the proxy`);
  return `\${env:${variable}}`;
}

/** Puts variables into `{braces}`. A brace that names no variable stays as it is, as the format has it. */
function fill(template: string, variables: Variables, filling: Filling): string {
  return template.replace(/\{([a-zA-Z_]\w*)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name]! : undefined;
    if (variable === undefined) return whole;
    if (variable.isSecret) return named(name, filling);
    const value = Object.hasOwn(filling.given, name) ? filling.given[name] : (variable.value ?? variable.default);
    if (value !== undefined) return value;
    filling.missing.push(name);
    return whole;
  });
}
