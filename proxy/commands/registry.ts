import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { showable } from "../../collector/sql/terminal.ts";
import { ownUrl, proxyConfigSchema } from "../config.ts";
import { approvedServers, type ApprovedFor } from "../registry/approved.ts";
import { credentialAge } from "../registry/lifecycle.ts";
import { loadRegistry } from "../registry/load-registry.ts";
import { resolveOwner } from "../registry/people.ts";
import { exportServerJson, namespaceOf, proxiedServerJson } from "../registry/server-json/export.ts";
import { importServerJson } from "../registry/server-json/import.ts";
import type { RegistrySnapshot, ServerEntry } from "../registry/server-entry.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { controlPaths, count, describeVerb, reportFaults } from "./file-verb.ts";
import { addPinVerbs } from "./pins.ts";

/** A server.json is a page of text; what is larger is something else. */
const MAX_IMPORT_BYTES = 1024 * 1024;

interface JsonFlag {
  json?: boolean;
}

/** `registry`: the servers that agents may reach, as their files have them; the proxy need not run. */
export const registerRegistry: RegisterCommands = (program, context) => {
  const registry = program.command("registry").description("the servers that agents may reach");
  describeVerb(registry, "check", "read every server file and report every fault", "signalbox registry check --json")
    .option("--json", "print the faults as JSON")
    .action(({ json = false }: JsonFlag) => reportFaults(context, json, () => check(context, json)));
  describeVerb(registry, "list", "list the servers with their owner, risk tier and lifecycle", "signalbox registry list --json")
    .option("--json", "print them as JSON, with sunset, versions and the age of credentials")
    .action(({ json = false }: JsonFlag) => loading(context, json, (snapshot) => list(context, snapshot, json)));
  describeVerb(registry, "approved", "which servers are approved for which task classes", "signalbox registry approved --task-class triage")
    .option("--task-class <name>", "this class alone")
    .option("--json", "print them as JSON")
    .action(({ json = false, taskClass }: JsonFlag & { taskClass?: string }) => loading(context, json, (snapshot) => approved(context, snapshot, taskClass, json)));
  describeVerb(registry, "import", "propose a server file for an official server.json", "signalbox registry import server.json --set path=/srv/files --write")
    .argument("<file>", "a server.json of the official MCP registry")
    .option("--name <name>", "what to call it here (the last part of its name if absent)")
    .option("--set <name=value>", "a value for one of its variables or arguments; may be repeated", assignment, {})
    .option("--write", "write it into the registry's folder instead of printing it")
    .action((file: string, options: ImportFlags) => reportFaults(context, false, () => importFile(context, file, options)));
  describeVerb(registry, "export", "print a server, or all of them, as official server.json", "signalbox registry export tickets > server.json")
    .argument("[name]", "one server (all of them, as a list, if absent)")
    .option("--proxied", "with the proxy's URL in place of where the server is, as the registry API has it")
    .action((name: string | undefined, { proxied = false }: { proxied?: boolean }) => loading(context, false, (snapshot) => exportServers(context, snapshot, name, proxied)));
  addPinVerbs(registry, context);
};

interface ImportFlags {
  readonly name?: string;
  readonly set: Readonly<Record<string, string>>;
  readonly write?: boolean;
}

function assignment(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("write it as name=value");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function check(context: CommandContext, json: boolean): void {
  const { registryDir } = controlPaths(context);
  const { servers, revision } = loadRegistry(registryDir);
  if (!json) context.print(`${registryDir}: ${count(servers.size, "server")}, revision ${revision}, no faults`);
}

/** Prints what `show` makes of the registry, or the faults of its files and nothing else. */
function loading(context: CommandContext, json: boolean, show: (snapshot: RegistrySnapshot) => void): void {
  let snapshot: RegistrySnapshot | undefined;
  const load = (): void => void (snapshot = loadRegistry(controlPaths(context).registryDir));
  if (json) {
    // One JSON document a run: the faults' or the answer's.
    try {
      load();
    } catch {
      return reportFaults(context, true, load);
    }
  } else reportFaults(context, false, load);
  if (snapshot) show(snapshot);
}

function list(context: CommandContext, { servers, revision, people }: RegistrySnapshot, json: boolean): void {
  const nowMs = context.clock.nowMs();
  if (json) {
    const all = [...servers.values()].map((entry) => ({
      ...facts(entry),
      ownedBy: resolveOwner(people, entry.owner) ?? null,
      credential: credentialAge(entry, nowMs) ?? null,
    }));
    context.print(JSON.stringify({ revision, servers: all }, null, 2));
    return;
  }
  const rows = [...servers.values()].map((s) => [
    s.name,
    s.rollout.length === 0 ? s.version : `${s.version} (+${s.rollout.length})`,
    s.sunset === undefined ? s.lifecycle : `${s.lifecycle} until ${s.sunset}`,
    s.mode,
    s.riskTier ?? "-",
    s.owner ?? "-",
    s.contact ?? "-",
    s.environments.join(","),
    s.taskClasses.join(",") || "any",
    String(Object.keys(s.tools).length),
  ]);
  const heading = ["server", "version", "lifecycle", "mode", "risk", "owner", "contact", "environments", "task classes", "tools"];
  for (const line of columns([heading, ...rows])) context.print(showable(line));
  context.print(`revision ${revision}`);
}

function facts(entry: ServerEntry): object {
  const { name, version, description, owner, contact, riskTier, dataDomains, lifecycle, sunset, replacedBy, environments, taskClasses, mode, tools } = entry;
  const versions = entry.rollout.map(({ version, weight, agents, lifecycle }) => ({ version, weight, agents, lifecycle }));
  return { name, version, description, owner, contact, riskTier, dataDomains, lifecycle, sunset, replacedBy, environments, taskClasses, mode, transport: entry.endpoint.transport, rollout: versions, tools: Object.keys(tools) };
}

function approved(context: CommandContext, snapshot: RegistrySnapshot, taskClass: string | undefined, json: boolean): void {
  const { environment } = controlPaths(context);
  const classes = approvedServers(snapshot, { environment, nowMs: context.clock.nowMs(), taskClass });
  if (json) {
    context.print(JSON.stringify({ revision: snapshot.revision, environment, taskClasses: classes }, null, 2));
    return;
  }
  const rows = classes.flatMap(approvedRows);
  if (rows.length === 0) context.print(taskClass === undefined ? "no server is approved for any task class" : `no server is approved for ${showable(taskClass)}`);
  else for (const line of columns([["task class", "server", "version", "risk", "owner", "state"], ...rows])) context.print(showable(line));
  context.print(`environment ${environment}, revision ${snapshot.revision}`);
}

function approvedRows({ taskClass, servers }: ApprovedFor): string[][] {
  const label = taskClass === "*" ? "any other" : taskClass;
  return servers.map((s) => [label, s.server, s.version, s.riskTier || "-", s.owner || "-", s.sunset === undefined ? s.lifecycle : `${s.lifecycle} until ${s.sunset}`]);
}

function importFile(context: CommandContext, file: string, options: ImportFlags): void {
  const { registryDir, sample } = controlPaths(context);
  const proposed = importServerJson(readImport(file), { file, name: options.name, given: options.set });
  if (!options.write) {
    context.print(proposed.text.trimEnd());
    return;
  }
  if (sample) throw new SignalboxError("E_SAMPLE_REGISTRY", "the sample registry is in force, which is part of the package", { remedy: "set proxy.registry in signalbox.yaml to a folder of your own" });
  const target = join(registryDir, `${proposed.name}.yaml`);
  if (existsSync(target)) throw new SignalboxError("E_EXISTS", `${target} is already there`, { remedy: "choose another name with --name, or remove the file first" });
  mkdirSync(registryDir, { recursive: true });
  writeFileSync(target, proposed.text, { flag: "wx" });
  context.print(`${target}: proposed; see its first lines for what is missing`);
}

function readImport(file: string): string {
  try {
    if (statSync(file).size > MAX_IMPORT_BYTES) throw new SignalboxError("E_TOO_LARGE", `${file} is larger than ${MAX_IMPORT_BYTES} bytes`, { remedy: "name a server.json" });
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof SignalboxError) throw error;
    throw new SignalboxError("E_FILE_UNREADABLE", `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`, { remedy: "check the path" });
  }
}

function exportServers(context: CommandContext, { servers }: RegistrySnapshot, name: string | undefined, proxied: boolean): void {
  const proxy = context.config().section("proxy", proxyConfigSchema);
  const base = (proxy.publicUrl ?? ownUrl(proxy)).replace(/\/$/, "");
  const namespace = namespaceOf(base);
  const made = (entry: ServerEntry): object => (proxied ? proxiedServerJson(entry, namespace, `${base}/mcp/${entry.name}`) : exportServerJson(entry, namespace));
  if (name === undefined) {
    context.print(JSON.stringify([...servers.values()].map(made), null, 2));
    return;
  }
  const entry = servers.get(name);
  if (!entry) throw new SignalboxError("E_UNKNOWN_SERVER", `no server is named ${showable(name)}`, { remedy: "signalbox registry list shows the names" });
  context.print(JSON.stringify(made(entry), null, 2));
}
