import { createHash } from "node:crypto";
import { Document, Scalar, visit } from "yaml";
import { FileError, SignalboxError, type FileProblem } from "../../../collector/kernel/errors.ts";
import { showable } from "../../../collector/sql/terminal.ts";
import { entryFaults } from "../entry-rules.ts";
import { serverEntrySchema } from "../server-entry.ts";
import { parseYaml, validate, type YamlFile } from "../yaml-file.ts";
import { serverJsonSchema, type ServerJson } from "./schema.ts";
import { proposeEndpoint, type Given } from "./to-endpoint.ts";

export interface ImportOptions {
  /** Of the file, for messages. */
  readonly file: string;
  /** The server's name here; made from the last part of its own where absent. */
  readonly name?: string | undefined;
  readonly given?: Given;
}

export interface ProposedFile {
  readonly name: string;
  /** A registry file, with comments on what is still missing. */
  readonly text: string;
}

/**
 * Makes a registry file out of an official server.json. What it proposes is `proposed` and open to nobody: a person adds
 * who answers for it and what its tools do. Throws FileError for a file that does not fit the format or tries to name
 * variables of this proxy, and E_IMPORT for a server that the proxy could not reach.
 */
export function importServerJson(text: string, options: ImportOptions): ProposedFile {
  const problems: FileProblem[] = [];
  // JSON is YAML, and so has lines and columns here.
  const yaml = parseYaml(options.file, text, problems);
  const server = yaml && (validate(yaml, serverJsonSchema, problems) as ServerJson | undefined);
  if (server) problems.push(...foreignPlaceholders(yaml, ["remotes"], server.remotes), ...foreignPlaceholders(yaml, ["packages"], server.packages));
  if (!server || problems.length > 0) throw new FileError(problems);

  const name = options.name ?? localName(server.name);
  const proposal = proposeEndpoint(server, name, options.given ?? {});
  if (!proposal.endpoint) {
    throw new SignalboxError("E_IMPORT", `${server.name} cannot be reached by the proxy:\n${proposal.reasons.map((r) => `  ${showable(r)}`).join("\n")}`, {
      remedy: "give values with --set name=value, or write the registry file by hand",
    });
  }
  const entry = {
    name,
    version: server.version,
    description: server.description,
    lifecycle: "proposed",
    environments: ["development"],
    endpoint: proposal.endpoint,
    tools: {},
    serverJson: yaml.value,
  };
  refuseUnfit(entry, options.file);
  return { name, text: `${header(server, text, proposal.notes)}${plainYaml(entry)}` };
}

/** What was proposed must load: a name, a URL or a literal secret may stand in the way. */
function refuseUnfit(entry: object, file: string): void {
  const parsed = serverEntrySchema.safeParse(entry);
  const at = { file, line: 1, column: 1 };
  const faults = parsed.success
    ? entryFaults(parsed.data).map(({ path, message, remedy }) => ({ ...at, message: `as a registry entry, ${path.join(".")}: ${message}`, remedy }))
    : parsed.error.issues.map((issue) => ({ ...at, message: `as a registry entry, ${issue.path.join(".")}: ${issue.message}`, remedy: "choose a name with --name, or values with --set" }));
  if (faults.length > 0) throw new FileError(faults);
}

/** A file from elsewhere that says `${env:...}` would have the proxy send its own secrets wherever that file likes. */
function foreignPlaceholders(yaml: YamlFile, path: readonly (string | number)[], value: unknown): FileProblem[] {
  if (typeof value === "string") return value.includes("${") ? [yaml.at(path, "holds ${, which is for variables of the proxy itself", "ask its publisher what is meant, or write the registry file by hand")] : [];
  if (Array.isArray(value)) return value.flatMap((one, i) => foreignPlaceholders(yaml, [...path, i], one));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => foreignPlaceholders(yaml, [...path, key], one));
}

/** YAML in which every character shows: what hides or reorders text is written as an escape, and still means the same. */
function plainYaml(value: object): string {
  const doc = new Document(value);
  visit(doc, {
    Scalar(_key, node) {
      if (typeof node.value === "string" && showable(node.value) !== node.value) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  const escaped = (c: string): string => (showable(c) === c ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return doc.toString({ lineWidth: 0 }).replace(/[^\x20-\x7e\n]/g, escaped);
}

function header(server: ServerJson, text: string, notes: readonly string[]): string {
  const lines = [
    `Proposed from ${server.name} ${server.version} (server.json, sha256 ${createHash("sha256").update(text).digest("hex")}).`,
    "Nobody may call it yet. Before it is approved, a person adds:",
    "  owner, contact: who answers for it",
    "  riskTier: low, medium or high",
    "  dataDomains: the kinds of data that it reaches",
    "  taskClasses: the kinds of task that it is for; none means any",
    "  tools: of each its effect (read, write, destructive) and whether what it returns can be trusted;",
    "         a tool that is not listed counts as destructive and untrusted",
    ...notes.map((note) => `Note: ${note}.`),
  ];
  return lines.map((line) => `# ${showable(line.replaceAll(/\s*\n\s*/g, " "))}\n`).join("");
}

/** The last part of a reverse-DNS name, as a name here. */
function localName(name: string): string {
  const last = name.slice(name.indexOf("/") + 1).toLowerCase();
  return last.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63);
}
