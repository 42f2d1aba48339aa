import { readdirSync } from "node:fs";
import { join } from "node:path";

export type Scope = "user" | "project" | "system";
export type Format = "jsonc" | "toml";

/** A file that a client reads servers from, whether it is there or not. */
export interface ClientFile {
  readonly client: string;
  readonly scope: Scope;
  readonly file: string;
  readonly format: Format;
  /** Where in it the servers are, by name; `*` is every member. */
  readonly at: readonly (readonly string[])[];
}

export interface Places {
  readonly home: string;
  readonly projects: readonly string[];
  /** For the places that variables move; absent for a home that is not that of whoever asks. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const mcpServers = [["mcpServers"]];
const claudeCode = [["mcpServers"], ["projects", "*", "mcpServers"]];
const vsCode = [["servers"]];
const vsCodeSettings = [["mcp", "servers"], ["mcp.servers"]];
const devContainer = [["customizations", "vscode", "mcp", "servers"]];
const zed = [["context_servers"]];
const codex = [["mcp_servers"]];

interface Known {
  readonly client: string;
  readonly at: readonly (readonly string[])[];
  readonly user?: readonly string[];
  readonly project?: readonly string[];
  readonly system?: readonly string[];
}

/** Where applications keep their files, by operating system; a home of any of them may be looked at. */
const applications = ["Library/Application Support", ".config", "AppData/Roaming"];
const inApplications = (path: string): string[] => applications.map((folder) => `${folder}/${path}`);
const codeEditions = ["Code", "Code - Insiders", "VSCodium"];

/** What the clients' documentation says, as of November 2026. A `*` in a path is any name. */
const known: readonly Known[] = [
  {
    client: "Claude Desktop",
    at: mcpServers,
    user: [...inApplications("Claude/claude_desktop_config.json"), "AppData/Local/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json", "AppData/Local/Claude-Data/*/claude_desktop_config.json"],
  },
  {
    client: "Claude Code",
    at: claudeCode,
    user: [".claude.json"],
    project: [".mcp.json"],
    system: ["/etc/claude-code/managed-mcp.json", "/Library/Application Support/ClaudeCode/managed-mcp.json", "C:/Program Files/ClaudeCode/managed-mcp.json"],
  },
  { client: "Cursor", at: mcpServers, user: [".cursor/mcp.json"], project: [".cursor/mcp.json"] },
  {
    client: "VS Code",
    at: vsCode,
    user: [...codeEditions.flatMap((edition) => [...inApplications(`${edition}/User/mcp.json`), ...inApplications(`${edition}/User/profiles/*/mcp.json`)]), ".vscode-server/data/User/mcp.json"],
    project: [".vscode/mcp.json"],
  },
  {
    client: "VS Code",
    at: vsCodeSettings,
    user: codeEditions.flatMap((edition) => inApplications(`${edition}/User/settings.json`)),
    project: [".vscode/settings.json"],
  },
  { client: "VS Code", at: devContainer, project: [".devcontainer/devcontainer.json", ".devcontainer.json"] },
  { client: "Copilot", at: mcpServers, user: [".copilot/mcp-config.json"] },
  { client: "Windsurf", at: mcpServers, user: [".codeium/windsurf/mcp_config.json", ".codeium/windsurf-next/mcp_config.json", ".codeium/mcp_config.json"] },
  { client: "Zed", at: zed, user: [".config/zed/settings.json", "AppData/Roaming/Zed/settings.json", ".var/app/dev.zed.Zed/config/zed/settings.json"], project: [".zed/settings.json"] },
  {
    client: "Gemini CLI",
    at: mcpServers,
    user: [".gemini/settings.json"],
    project: [".gemini/settings.json"],
    system: ["/etc/gemini-cli/settings.json", "/Library/Application Support/GeminiCli/settings.json", "C:/ProgramData/gemini-cli/settings.json"],
  },
  { client: "Codex", at: codex, user: [".codex/config.toml"], project: [".codex/config.toml"], system: ["/etc/codex/config.toml"] },
];

/** Variables that move a client's folder: the path below the home that each stands for. */
const moved: readonly (readonly [variable: string, folder: string])[] = [
  ["CODEX_HOME", ".codex"],
  ["COPILOT_HOME", ".copilot"],
  ["APPDATA", "AppData/Roaming"],
  ["LOCALAPPDATA", "AppData/Local"],
  ["XDG_CONFIG_HOME", ".config"],
];

/** Every file that could hold servers. Files of the whole machine are among them only where `env` is given. */
export function clientFiles({ home, projects, env }: Places): ClientFile[] {
  const files: ClientFile[] = [];
  const seen = new Set<string>();
  const add = (of: Known, scope: Scope, file: string): void => {
    const key = `${file}\n${of.at.join()}`;
    if (seen.has(key)) return;
    seen.add(key);
    files.push({ client: of.client, scope, file, format: file.endsWith(".toml") ? "toml" : "jsonc", at: of.at });
  };
  for (const client of known) {
    for (const path of client.user ?? []) for (const file of userPaths(path, home, env)) for (const found of expand(file)) add(client, "user", found);
    for (const project of projects) for (const path of client.project ?? []) add(client, "project", join(project, path));
    if (env) for (const file of client.system ?? []) add(client, "system", file);
  }
  return files;
}

function userPaths(path: string, home: string, env: Places["env"]): string[] {
  const paths = [join(home, path)];
  for (const [variable, folder] of env ? moved : []) {
    const at = env?.[variable];
    if (at && path.startsWith(`${folder}/`)) paths.push(join(at, path.slice(folder.length + 1)));
  }
  // This one moves the file itself, which lies beside the folder otherwise.
  if (env?.CLAUDE_CONFIG_DIR && path === ".claude.json") paths.push(join(env.CLAUDE_CONFIG_DIR, path));
  return paths;
}

const MAX_MATCHES = 32;

/** The paths that a `*` stands for, at most MAX_MATCHES of each. */
function expand(path: string): string[] {
  const parts = path.split(/[\\/]/);
  const at = parts.findIndex((part) => part.includes("*"));
  if (at === -1) return [path];
  const [before, after] = parts[at]!.split("*") as [string, string];
  const folder = parts.slice(0, at).join("/");
  return namesIn(folder)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .slice(0, MAX_MATCHES)
    .flatMap((name) => expand([folder, name, ...parts.slice(at + 1)].join("/")));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
