import type { RegisterCommands } from "../../collector/kernel/command.ts";
import { runWrap } from "../wrap.ts";
import { givenKey } from "./control-client.ts";

/** `wrap`: for a local server on a machine where no proxy runs. */
export const registerWrap: RegisterCommands = (program, context) => {
  program
    .command("wrap")
    .description("start a local server under the policy and on the record, without a proxy beside it")
    .argument("<command...>", "what starts the server; it must be what a server of the registry is started by")
    .option("--server <name>", "the server's name in the registry, where several are started by the command")
    .option("--key-file <file>", "a file with the agent's key or a task's token; otherwise SIGNALBOX_KEY")
    .addHelpText("after", help)
    .action((command: [string, ...string[]], { server, keyFile }: { server?: string; keyFile?: string }) =>
      runWrap(context, {
        command,
        server,
        key: givenKey(context.env, keyFile),
        input: process.stdin,
        output: process.stdout,
        tell: (text) => void process.stderr.write(`signalbox wrap: ${text}\n`),
      }),
    );
};

const help = `
The same registry, policies, keys and limits as the proxy's are in force, and stops and tasks are heeded as the control journal
has them. A call that would have to wait for a person is denied: nobody could be asked. Records go to the spool in the data
directory, and from there to the collector. Of the environment the server gets PATH, HOME and what its registry entry names.

Example, in the configuration of a desktop client:
  { "mcpServers": { "filesystem": { "command": "npx", "args": ["-y", "mcp-signalbox", "--config", "/etc/signalbox.yaml", "wrap",
                                    "--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "/home/me/notes"] } } }`;
