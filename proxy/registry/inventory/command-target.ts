import { looksSecret } from "./secret-shapes.ts";
import type { Target } from "./target.ts";

/**
 * What a command starts: a package where a known runner is told to run one, and else a program. An option that is not known ends the search, because what follows it may be its value and a secret.
 */
export function commandTarget(command: string, args: readonly string[]): Target {
  const name = programName(command);
  const rest = args.slice(0, MAX_ARGS);
  if (name === "cmd" && /^\/[ck]$/i.test(rest[0] ?? "") && rest[1] !== undefined) return commandTarget(rest[1], rest.slice(2));
  if (name === "env") return envTarget(rest);
  if (command.startsWith("node:")) return npmTarget(command.slice("node:".length)) ?? program(name);
  const runner = Object.hasOwn(runners, name) ? runners[name] : undefined;
  return runner?.(rest) ?? program(name, rest);
}

const MAX_ARGS = 200;

const runners: Readonly<Record<string, (args: readonly string[]) => Target | undefined>> = {
  npx: npx,
  bunx: npx,
  pnpx: npx,
  npm: (args) => (args[0] === "exec" || args[0] === "x" ? npx(args.slice(1)) : undefined),
  pnpm: (args) => (args[0] === "dlx" || args[0] === "exec" ? npx(args.slice(1)) : undefined),
  yarn: (args) => (args[0] === "dlx" ? npx(args.slice(1)) : undefined),
  bun: (args) => (args[0] === "x" ? npx(args.slice(1)) : undefined),
  uvx: uvx,
  uv: (args) => (args[0] === "tool" && args[1] === "run" ? uvx(args.slice(2)) : undefined),
  pipx: (args) => (args[0] === "run" ? uvx(args.slice(1)) : undefined),
  docker: docker,
  podman: docker,
  node: installed,
  deno: (args) => npmTarget(args.find((arg) => arg.startsWith("npm:"))?.slice("npm:".length) ?? ""),
};

function envTarget(args: readonly string[]): Target {
  const at = args.findIndex((arg) => !/^[A-Za-z_]\w*=/.test(arg));
  const command = args[at];
  return command === undefined || command.startsWith("-") ? program("env") : commandTarget(command, args.slice(at + 1));
}

/** Options before the package: those that stand alone, and those that take a value. Any other one ends the search. */
interface Options {
  readonly alone: ReadonlySet<string>;
  readonly valued: ReadonlySet<string>;
}

/** The first argument that is no option, the values of the options on the way, and what follows. */
function positional(args: readonly string[], options: Options): { word: string; values: ReadonlyMap<string, string> } | undefined {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") continue;
    if (!arg.startsWith("-")) return { word: arg, values };
    const equals = arg.indexOf("=");
    const name = equals === -1 ? arg : arg.slice(0, equals);
    if (equals !== -1 && options.valued.has(name)) values.set(name, arg.slice(equals + 1));
    else if (options.valued.has(arg)) values.set(arg, args[++i] ?? "");
    else if (!options.alone.has(arg)) return undefined;
  }
  return undefined;
}

const npxOptions: Options = { alone: new Set(["-y", "--yes", "-q", "--quiet", "--prefer-online", "--prefer-offline", "--bun"]), valued: new Set(["-p", "--package", "--registry"]) };

function npx(args: readonly string[]): Target | undefined {
  const found = positional(args, npxOptions);
  if (!found) return undefined;
  const spec = found.values.get("--package") ?? found.values.get("-p") ?? found.word;
  return npmTarget(spec);
}

const npmName = /^(?:npm:)?((?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*)(?:@([\w.^~<>=*+-]{1,64}))?$/i;

function npmTarget(spec: string): Target | undefined {
  const found = npmName.exec(spec);
  if (found && !looksSecret(found[1]!.replace(/^@[^/]+\//, ""))) return packaged("npm", found[1]!.toLowerCase(), found[2]);
  return gitTarget(spec);
}

/** `github:owner/name`, `git+https://host/owner/name` and the like. */
function gitTarget(spec: string): Target | undefined {
  const short = /^(?:github:)?([\w.-]+\/[\w.-]+?)(?:\.git)?(?:#.*)?$/.exec(spec);
  if (short && !/^[.~]/.test(spec)) return packaged("git", `github.com/${short[1]}`);
  if (!/^git\+(?:https?|ssh):\/\//.test(spec) || !URL.canParse(spec.slice(4))) return undefined;
  const { host, pathname } = new URL(spec.slice(4));
  const path = pathname.replace(/@[^/]*$/, "").replace(/\.git$/, "");
  return path.split("/").some(looksSecret) ? undefined : packaged("git", `${host}${path}`);
}

const uvxOptions: Options = {
  alone: new Set(["-q", "--quiet", "-n", "--no-cache", "--isolated", "--offline", "--refresh", "-U", "--upgrade", "--native-tls", "--no-config"]),
  valued: new Set(["--from", "--with", "-p", "--python", "--index", "--index-url", "-i", "--extra-index-url", "--default-index", "--directory", "--spec"]),
};

function uvx(args: readonly string[]): Target | undefined {
  const found = positional(args, uvxOptions);
  if (!found) return undefined;
  const spec = found.values.get("--from") ?? found.values.get("--spec") ?? found.word;
  const python = /^([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?(?:(?:@|==|>=|~=)([\w.*+!-]{1,64}))?$/.exec(spec);
  if (!python) return gitTarget(spec);
  // Names that differ in case and separators are one package (PEP 503).
  return looksSecret(python[1]!) ? undefined : packaged("pypi", python[1]!.toLowerCase().replaceAll(/[-_.]+/g, "-"), python[2]);
}

const dockerOptions: Options = {
  alone: new Set(["-i", "-t", "-it", "-ti", "-d", "--rm", "--init", "--interactive", "--tty", "--privileged", "--read-only", "-P", "--no-healthcheck"]),
  valued: new Set(
    "-e --env --env-file -v --volume --mount --name --network --net -p --publish -w --workdir -u --user --platform --entrypoint -l --label --add-host --pull --cap-add --cap-drop --security-opt -m --memory --cpus --tmpfs --restart -h --hostname --gpus --log-driver --pids-limit --ulimit --dns".split(
      " ",
    ),
  ),
};

function docker(args: readonly string[]): Target | undefined {
  const run = args[0] === "container" ? args.slice(1) : args;
  if (run[0] === "mcp" && run[1] === "gateway") return program("docker mcp gateway");
  if (run[0] !== "run") return undefined;
  const word = positional(run.slice(1), dockerOptions)?.word;
  const image = word === undefined ? null : /^((?:[\w.-]+(?::\d+)?\/)?[\w.-]+(?:\/[\w.-]+)*)(?::([\w.-]{1,128}))?(?:@sha256:[0-9a-f]{64})?$/.exec(word);
  if (!image || image[1]!.split("/").some(looksSecret)) return undefined;
  return packaged("docker", image[1]!.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, ""), image[2]);
}

/** A script inside of an installed package is that package. */
function installed(args: readonly string[]): Target | undefined {
  const inside = /[\\/]node_modules[\\/]((?:@[\w.~-]+[\\/])?[\w.~-]+)[\\/]/.exec(args[0] ?? "");
  return inside ? npmTarget(inside[1]!.replaceAll("\\", "/")) : undefined;
}

function packaged(registry: "npm" | "pypi" | "docker" | "git", name: string, version?: string): Target {
  return { kind: "package", registry, name, ...(version === undefined ? {} : { version }) };
}

function programName(command: string): string {
  return (command.split(/[\\/]/).pop() ?? "").replace(/\.(?:exe|cmd|bat|ps1)$/i, "").toLowerCase();
}

/** The program, and the script or module that it runs where the first argument is plainly one. */
function program(name: string, args: readonly string[] = []): Target {
  const script = /^[^=]*?([\w.-]{1,64}\.(?:[cm]?[jt]s|py|rb|sh|ps1|jar))$/.exec(args[0] ?? "")?.[1];
  const module = args[0] === "-m" && /^[A-Za-z_][\w.]{0,63}$/.test(args[1] ?? "") ? `-m ${args[1]}` : undefined;
  const what = script !== undefined && !looksSecret(script) ? script : module;
  const shown = /^[\w.+ -]{1,64}$/.test(name) && !looksSecret(name) ? name : "(unnamed)";
  return { kind: "program", program: what === undefined ? shown : `${shown} ${what}` };
}
