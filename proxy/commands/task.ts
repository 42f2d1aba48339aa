import { InvalidArgumentError, Option } from "commander";
import { showable } from "../../collector/sql/terminal.ts";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import type { externalView, taskView } from "../tasks/routes.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { createControlClient } from "./control-client.ts";
import { seconds } from "./duration.ts";
import { describeVerb } from "./file-verb.ts";

type TaskView = ReturnType<typeof taskView>;
type ExternalView = ReturnType<typeof externalView>;

interface OpenOptions extends Shared {
  class?: string;
  agent?: string;
  owner?: string;
  principal?: string;
  workItem?: string;
  servers?: string[];
  tools?: string[];
  calls?: number;
  writes?: number;
  ttl?: number;
}

interface Shared {
  keyFile?: string;
  json?: boolean;
}

/** `task`: the work items that agents' calls belong to, over the running proxy's API. */
export const registerTask: RegisterCommands = (program, context) => {
  const task = program.command("task").description("the work items that agents' calls belong to");
  describeVerb(task, "open", "open a task and print its token once", "signalbox task open --agent triage-agent --class triage --work-item TICKET-7 --ttl 2h")
    .option("--class <name>", "the kind of work; decides which servers it may reach (the key's own class if absent)")
    .option("--agent <name>", "the agent that will work on it (the key's own if absent)")
    .option("--owner <name>", "the person or team that answers for it")
    .option("--principal <name>", "on whose behalf")
    .option("--work-item <text>", "what the work is: a ticket's number or a title")
    .option("--servers <name...>", "the servers that it may reach (any that policy allows if absent)")
    .option("--tools <name...>", "the tools that it may call (any that policy allows if absent)")
    .option("--calls <n>", "how many calls it may make", wholeNumber)
    .option("--writes <n>", "how many of them may write", wholeNumber)
    .option("--ttl <time>", "how long, such as 30m, 8h or 7d (8h if absent, 7d at most)", seconds)
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((options: OpenOptions) => open(context, options));
  describeVerb(task, "list", "list tasks, the newest first", "signalbox task list --state open --agent triage-agent")
    .option("--agent <name>", "of this agent alone")
    .addOption(new Option("--state <state>").choices(["open", "closed", "expired"]))
    .option("--limit <n>", "at most so many", wholeNumber, 100)
    .addOption(keyFile())
    .option("--json", "print them as JSON")
    .action((options: { agent?: string; state?: string; limit: number } & Shared) => list(context, options));
  describeVerb(task, "close", "end a task, and its token with it, at once; also one that access tokens name", 'signalbox task close tk-1f2e3d4c5b6a7988 --reason "done"')
    .argument("<id>", "as records have it: with the prefix of its issuer, where it is an access token's")
    .option("--reason <text>", "why; it stays with the event")
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((id: string, options: { reason?: string } & Shared) => close(context, id, options));
};

export const keyFile = (): Option => new Option("--key-file <file>", "the file that holds your key (SIGNALBOX_KEY, or the operator's key, if absent)");

async function open(context: CommandContext, options: OpenOptions): Promise<void> {
  const { keyFile, json, calls, writes, ttl, ...rest } = options;
  const budget = calls === undefined && writes === undefined ? undefined : { calls, writes };
  const body = await createControlClient(context, { keyFile }).post<{ task: TaskView; token: string }>("/v1/tasks", { ...rest, budget, ttlSeconds: ttl });
  if (json) return context.print(JSON.stringify(body, null, 2));
  const { task, token } = body;
  context.print(token);
  context.print(showable(`Task ${task.taskId} of ${task.agent}, class ${task.class}, until ${task.expiresAt}. The line above is its credential, shown this once.`));
}

async function list(context: CommandContext, { agent, state, limit, keyFile, json }: { agent?: string; state?: string; limit: number } & Shared): Promise<void> {
  const query = new URLSearchParams({ limit: String(limit), ...(agent ? { agent } : {}), ...(state ? { state } : {}) });
  const body = await createControlClient(context, { keyFile }).get<{ tasks: TaskView[]; external: ExternalView[]; more: boolean }>(`/v1/tasks?${query.toString()}`);
  if (json) return context.print(JSON.stringify(body, null, 2));
  if (body.tasks.length + body.external.length === 0) return context.print("no tasks");
  const rows = body.tasks.map((t) => [t.taskId, t.state, t.class, t.agent, t.owner, t.workItem || "-", t.servers?.join(",") ?? "any", t.openedAt, t.expiresAt].map(showable));
  const external = body.external.map((t) => [t.taskId, "closed", "(of access tokens)", "-", "-", "-", "-", "-", t.closedAt].map(showable));
  for (const line of columns([["id", "state", "class", "agent", "owner", "work item", "servers", "opened", "expires"], ...rows, ...external])) context.print(line);
  if (body.more) context.print(`and more: --limit shows up to 1000`);
}

async function close(context: CommandContext, id: string, { reason, keyFile, json }: { reason?: string } & Shared): Promise<void> {
  const body = await createControlClient(context, { keyFile }).post<{ task: TaskView | ExternalView }>(`/v1/tasks/${encodeURIComponent(id)}/close`, { reason });
  context.print(json ? JSON.stringify(body, null, 2) : showable(closing(body.task)));
}

function closing(task: TaskView | ExternalView): string {
  if ("external" in task) return `Task ${task.taskId} was not opened here; from now on access tokens that name it are refused.`;
  return `Task ${task.taskId} is ${task.state}.`;
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError("a whole number is needed");
  return number;
}
