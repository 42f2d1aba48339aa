import { showable } from "../../collector/sql/terminal.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { SignalboxError } from "../../collector/kernel/errors.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { createControlClient } from "./control-client.ts";
import { describeVerb } from "./file-verb.ts";
import { keyFile } from "./task.ts";

interface StopView {
  readonly stopId: string;
  readonly scope: { readonly agent?: string; readonly server?: string; readonly tool?: string; readonly taskId?: string };
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

interface Shared {
  keyFile?: string;
  json?: boolean;
}

interface Answered {
  readonly workers?: { readonly applied: number; readonly total: number };
}

/** `stop`: the kill switch, over the running proxy's API. */
export const registerStop: RegisterCommands = (program, context) => {
  const stop = program.command("stop").description("the kill switch: stop an agent, a server, a tool or a task at once");
  describeVerb(stop, "set", "refuse every call that fits all of what is named", 'signalbox stop set --agent triage-agent --reason "INC-42"\n  signalbox stop set --server files --tool delete_file --reason "wrong files gone"')
    .option("--agent <name>", "calls of this agent")
    .option("--server <name>", "calls to this server")
    .option("--tool <name>", "calls of this tool")
    .option("--task <id>", "calls in this task")
    .requiredOption("--reason <text>", "why; callers and investigators read it")
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((options: { agent?: string; server?: string; tool?: string; task?: string; reason: string } & Shared) => set(context, options));
  describeVerb(stop, "list", "list what is stopped", "signalbox stop list --json")
    .addOption(keyFile())
    .option("--json", "print them as JSON")
    .action((options: Shared) => list(context, options));
  describeVerb(stop, "clear", "let calls through again, as far as policy does", 'signalbox stop clear st-1f2e3d4c5b --reason "mended"')
    .argument("<id>")
    .option("--reason <text>", "why; it stays with the event")
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((id: string, options: { reason?: string } & Shared) => clear(context, id, options));
};

async function set(
  context: CommandContext,
  { agent, server, tool, task, reason, keyFile, json }: { agent?: string; server?: string; tool?: string; task?: string; reason: string } & Shared,
): Promise<void> {
  if ([agent, server, tool, task].every((value) => value === undefined)) {
    throw new SignalboxError("E_SCOPE", "say what to stop", { remedy: "name at least one of --agent, --server, --tool and --task" });
  }
  const body = await createControlClient(context, { keyFile }).post<{ stop: StopView } & Answered>("/v1/stops", { scope: { agent, server, tool, taskId: task }, reason });
  context.print(json ? JSON.stringify(body, null, 2) : showable(`${body.stop.stopId}: ${scopeText(body.stop)} stopped, ${reach(body)}.`));
}

async function list(context: CommandContext, { keyFile, json }: Shared): Promise<void> {
  const body = await createControlClient(context, { keyFile }).get<{ stops: StopView[] }>("/v1/stops");
  if (json) return context.print(JSON.stringify(body, null, 2));
  if (body.stops.length === 0) return context.print("nothing is stopped");
  const rows = body.stops.map((s) => [s.stopId, scopeText(s), s.by, s.at, s.reason].map(showable));
  for (const line of columns([["id", "stopped", "by", "since", "reason"], ...rows])) context.print(line);
}

async function clear(context: CommandContext, id: string, { reason, keyFile, json }: { reason?: string } & Shared): Promise<void> {
  const body = await createControlClient(context, { keyFile }).delete<{ stopId: string } & Answered>(`/v1/stops/${encodeURIComponent(id)}`, { reason });
  context.print(json ? JSON.stringify(body, null, 2) : showable(`${body.stopId} is cleared, ${reach(body)}.`));
}

function scopeText({ scope }: StopView): string {
  return (["agent", "server", "tool", "taskId"] as const).flatMap((key) => (scope[key] === undefined ? [] : [`${key === "taskId" ? "task" : key} ${scope[key]}`])).join(", ");
}

/** A worker that has not said so may be hung, and people should know. */
function reach({ workers }: Answered): string {
  if (!workers) return "in force";
  return `in force on ${workers.applied} of ${workers.total} ${workers.total === 1 ? "worker" : "workers"}`;
}
