import { showable } from "../../../collector/sql/terminal.ts";
import { FileError, type FileProblem } from "../../../collector/kernel/errors.ts";
import { entryFaults } from "../entry-rules.ts";
import { serverEntrySchema } from "../server-entry.ts";
import { parseYaml, validate } from "../yaml-file.ts";
import type { RawServer } from "./leads-to.ts";
import { draftArgs, variableName } from "./safe-args.ts";
import { hasVariable, REDACTED, variableOf } from "./secret-shapes.ts";
import type { FoundServer, InventoryItem } from "./take-inventory.ts";
import { isExact, packageOf, type Target } from "./target.ts";

/** The text of a registry file for a server that people have and the registry lacks, or why there can be none. */
export type Draft = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };

/**
 * Drafts an entry that `registry check` accepts and that nobody can call: its lifecycle is `proposed`, and comments say what a
 * person has to fill in. No value of a header or a variable is in it, and of the arguments only those that are plainly no
 * secret; the rest are `${env:NAME}`.
 */
export function draftEntry(name: string, item: InventoryItem, seenIn: readonly FoundServer[]): Draft {
  const endpoint = draftEndpoint(name, item);
  if (typeof endpoint === "string") return { ok: false, why: endpoint };
  const { target } = item.found;
  const version = target.kind === "package" && isExact(target.version) ? [`version: ${JSON.stringify(target.version)}`] : [];
  const text = [
    "# A draft by `signalbox inventory --propose`, from what clients are configured with. A proposed server can't be called.",
    ...seenIn.slice(0, MAX_SEEN).map((found) => `# Found in: ${found.client} (${found.scope}), as ${comment(found.name)}`),
    ...(seenIn.length > MAX_SEEN ? [`# and in ${seenIn.length - MAX_SEEN} more places`] : []),
    "#",
    "# A person fills in, before lifecycle becomes approved:",
    "#   owner       who answers for it, a person or a team",
    "#   contact     where its users turn to",
    "#   riskTier    low, medium or high",
    "#   tools       for each one its effect (read, write, destructive), and whether nobody else can write into what it returns",
    ...endpoint.notes.map((note) => `#   ${note}`),
    `name: ${name}`,
    ...version,
    "lifecycle: proposed",
    "environments: [development]",
    "endpoint:",
    ...endpoint.lines.map((line) => `  ${line}`),
    "# owner: some-team",
    "# contact: some-team@example.com",
    "# riskTier: medium",
    "# dataDomains: []",
    "# tools:",
    "#   some_tool: { effect: read, trusted: false }",
    "",
  ].join("\n");
  return accepted(text) ? { ok: true, text } : { ok: false, why: "its endpoint has no form that the registry accepts" };
}

const MAX_SEEN = 8;

interface DraftEndpoint {
  readonly lines: readonly string[];
  /** For the list of what a person fills in. */
  readonly notes: readonly string[];
}

function draftEndpoint(name: string, { found, raw }: InventoryItem): DraftEndpoint | string {
  const { target } = found;
  if (target.kind === "unknown") return target.why;
  if (raw.transport === "websocket") return "the proxy does not speak WebSocket";
  if (target.kind === "url") return httpEndpoint(name, target.url, raw);
  return stdioEndpoint(name, raw, target);
}

/** Headers that every client sends by itself. */
const ordinary = new Set(["accept", "content-type", "user-agent"]);

function httpEndpoint(name: string, url: string, raw: RawServer): DraftEndpoint {
  const headers = Object.entries(raw.headers).filter(([header]) => !ordinary.has(header.toLowerCase()));
  const hasQuery = raw.url !== undefined && URL.canParse(raw.url) && new URL(raw.url).search !== "";
  return {
    lines: [
      `transport: ${raw.transport === "sse" ? "sse" : "streamable-http"}`,
      `url: ${JSON.stringify(url)}`,
      ...(headers.length > 0 ? ["headers:"] : []),
      ...headers.map(([header, value]) => `  ${JSON.stringify(header)}: ${JSON.stringify(headerValue(name, header, value))}`),
    ],
    notes: [
      ...(url.split("/").includes(REDACTED) ? [`url         a part that looks like a secret or is a variable was replaced by ${REDACTED}`] : []),
      ...(hasQuery ? ["url         its query was left out"] : []),
      ...(raw.transport === "sse" ? ["transport   the client uses HTTP+SSE here, which is deprecated: ask for the server's Streamable HTTP URL"] : []),
      ...(headers.length > 0 ? ["headers     set the named environment variables for the proxy"] : []),
    ],
  };
}

/** `Bearer` and the like stay: they are words of the protocol and not of the secret. */
function headerValue(server: string, header: string, value: string): string {
  const [, scheme = "", rest = value] = /^(Bearer|Basic|Token) (.*)$/is.exec(value) ?? [];
  return `${scheme === "" ? "" : `${scheme} `}\${env:${variableOf(rest.trim()) ?? variableName(server, header)}}`;
}

function stdioEndpoint(name: string, raw: RawServer, target: Target): DraftEndpoint | string {
  const floating = target.kind === "package" && !isExact(target.version);
  const { command = "" } = raw;
  if (hasVariable(command)) return "its command is put together from variables";
  const args = draftArgs(name, raw.args, packageOf(target));
  const variables = Object.entries(raw.env).filter(([variable]) => /^[A-Za-z_]\w*$/.test(variable));
  return {
    lines: [
      "transport: stdio",
      `command: ${JSON.stringify(command)}`,
      ...(args.length > 0 ? ["args:", ...args.map((arg) => `  - ${JSON.stringify(arg)}`)] : []),
      ...(variables.length > 0 ? ["env:"] : []),
      ...variables.map(([variable, value]) => `  ${variable}: ${JSON.stringify(`\${env:${variableOf(value) ?? variable}}`)}`),
    ],
    notes: [
      ...(floating ? ["version     none is asked for: whatever was published last would run beside the proxy"] : []),
      ...(args.length > 0 ? ["args        that none of them is a secret, and that paths are those of the proxy's machine"] : []),
      ...(args.some((arg) => arg.includes("${env:")) || variables.length > 0 ? ["env         set the named environment variables for the proxy"] : []),
    ],
  };
}

/** A name that somebody wrote into a file, for a comment: one line, and no more than that. */
const comment = (text: string): string => showable(JSON.stringify(text.slice(0, 80)));

function accepted(text: string): boolean {
  const problems: FileProblem[] = [];
  try {
    const yaml = parseYaml("draft", text, problems);
    const entry = yaml && validate(yaml, serverEntrySchema, problems);
    return entry !== undefined && entryFaults(entry).length === 0;
  } catch (error) {
    if (error instanceof FileError) return false;
    throw error;
  }
}
