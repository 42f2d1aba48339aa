import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { packageVersion } from "../../collector/kernel/package-info.ts";
import { proxyConfigSchema } from "../config.ts";
import { createEndpoint } from "../transport/bridge/endpoint.ts";
import { runBridge } from "../transport/stdio/run.ts";
import { givenKey, proxyBaseUrl } from "./control-client.ts";

interface StdioOptions {
  readonly url?: string;
  readonly keyFile?: string;
}

/** `stdio`: for clients that start a program and speak to it over its pipes. */
export const registerStdio: RegisterCommands = (program, context) => {
  program
    .command("stdio")
    .description("connect a client that speaks over standard input and output to a server behind the proxy")
    .argument("<server>", "the server's name in the registry")
    .option("--url <url>", "where the proxy is (default: proxy.publicUrl, or proxy.host and proxy.port)")
    .option("--key-file <file>", "a file with the agent's key or a task's token; otherwise SIGNALBOX_KEY")
    .addHelpText("after", help)
    .action((server: string, options: StdioOptions) => run(context, server, options));
};

const help = `
Standard output carries protocol and nothing else; what is wrong is said on standard error and in the answers.
Exits with 0 when the client has closed its end, and with 1 when it could not start.

Example, in the configuration of a desktop client:
  { "mcpServers": { "filesystem": { "command": "npx", "args": ["-y", "mcp-signalbox", "stdio", "filesystem"],
                                    "env": { "SIGNALBOX_KEY": "sbx_..." } } } }`;

async function run(context: CommandContext, server: string, { url, keyFile }: StdioOptions): Promise<void> {
  const base = url ?? proxyBaseUrl(context.config().section("proxy", proxyConfigSchema));
  const endpoint = createEndpoint({ url: serverUrl(base, server), key: givenKey(context.env, keyFile), userAgent: `signalbox-stdio/${packageVersion()}` });
  try {
    await runBridge({ endpoint, input: process.stdin, output: process.stdout, tell: (text) => void process.stderr.write(`signalbox stdio: ${text}\n`), stopped: context.untilStopped() });
  } finally {
    await endpoint.stop();
  }
}

function serverUrl(base: string, server: string): URL {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(server)) throw new SignalboxError("E_SERVER_NAME", `"${server}" is no server's name`, { remedy: "use the name in the registry: signalbox registry list" });
  const problem = new SignalboxError("E_PROXY_URL", "the proxy's URL must be http(s)://host[:port][/path] without a credential", { remedy: "pass it with --url, or set proxy.publicUrl" });
  if (!URL.canParse(base)) throw problem;
  const parsed = new URL(base);
  if (!/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password || parsed.search) throw problem;
  return new URL(`${parsed.origin}${parsed.pathname.replace(/\/+$/, "")}/mcp/${server}`);
}
