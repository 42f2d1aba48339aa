import { InvalidArgumentError, Option, type Command } from "commander";
import type { CommandContext, RegisterCommands } from "../../collector/kernel/command.ts";
import { approvalLines, approvalRows, exceptionRows, quarantineLines, quarantineRows, type PlainText, type Rows } from "../people/tables.ts";
import type { ApprovalView, ExceptionView, QuarantineView } from "../people/views.ts";
import { columns } from "../../collector/kernel/columns.ts";
import { createControlClient, type ControlClient } from "./control-client.ts";
import { count, describeVerb } from "./file-verb.ts";
import { keyFile } from "./task.ts";

/** `approvals`, `exceptions` and `quarantine`: what people decide while the proxy runs, over its API. */
export const registerPeople: RegisterCommands = (program, context) => {
  registerApprovals(program, context);
  registerExceptions(program, context);
  registerQuarantine(program, context);
};

interface Shared {
  keyFile?: string;
  json?: boolean;
}

interface ListOptions extends Shared {
  state: string;
}

function registerApprovals(program: Command, context: CommandContext): void {
  const approvals = program.command("approvals").description("the calls that wait for a person");
  listVerb(approvals, "list", "list what waits", "signalbox approvals list --json", ["pending", "approved", "denied", "used", "expired"], "pending").action((options: ListOptions) =>
    withControl(context, options, async (client) => {
      const body = await client.get<{ approvals: ApprovalView[] }>(`/v1/approvals${filter(options)}`);
      show(context, options, body, approvalRows(body.approvals, context.clock.nowMs()), "approval");
    }),
  );
  describeVerb(approvals, "show", "show one with the arguments that it is for", "signalbox approvals show ap-7f3a9c21d0")
    .argument("<id>")
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((id: string, options: Shared) =>
      withControl(context, options, async (client) => {
        const body = await client.get<ApprovalView & { arguments: PlainText | null }>(`/v1/approvals/${encodeURIComponent(id)}`);
        print(context, options, body, approvalLines(body, context.clock.nowMs()));
      }),
    );
  for (const [verb, description] of [["approve", "let the call through, once"], ["deny", "refuse the call"]] as const) {
    describeVerb(approvals, verb, description, `signalbox approvals ${verb} ap-7f3a9c21d0 --comment "read the diff"`)
      .argument("<id>")
      .option("--comment <text>", "why; it stays with the decision", "")
      .addOption(keyFile())
      .option("--json", "print the outcome as JSON")
      .action((id: string, options: { comment: string } & Shared) =>
        withControl(context, options, async (client) => {
          const { comment } = options;
          const body = await client.post<{ status: string; missing: number }>(`/v1/approvals/${encodeURIComponent(id)}/${verb}`, { comment });
          const missing = body.missing > 0 ? `; ${count(body.missing, "more person")} must agree` : "";
          print(context, options, body, [`${id} is ${body.status}${missing}`]);
        }),
      );
  }
}

interface GrantOptions extends Shared {
  agent?: string;
  task?: string;
  server?: string;
  tool?: string;
  reason: string;
  for?: number;
  breakGlass?: boolean;
}

function registerExceptions(program: Command, context: CommandContext): void {
  const exceptions = program.command("exceptions").description("what people allow for a time, against policy");
  listVerb(exceptions, "list", "list the exceptions", "signalbox exceptions list --state all", ["active", "revoked", "expired"], "active").action((options: ListOptions) =>
    withControl(context, options, async (client) => {
      const body = await client.get<{ exceptions: ExceptionView[] }>(`/v1/exceptions${filter(options)}`);
      show(context, options, body, exceptionRows(body.exceptions, context.clock.nowMs()), "exception");
    }),
  );
  describeVerb(
    exceptions,
    "grant",
    "allow an agent or a task what policy denies or holds, for a time",
    'signalbox exceptions grant --agent triage-agent --server tickets --for 8h --reason "migration of the old tickets, T-311"\n  signalbox exceptions grant --agent ana --break-glass --reason "payments are down, INC-42"',
  )
    .option("--agent <name>", "the agent that it is for")
    .option("--task <id>", "the task that it is for, instead of an agent or beside it")
    .option("--server <name>", "the server that it is for; only breaking the glass goes without")
    .option("--tool <name>", "the one tool that it is for")
    .requiredOption("--reason <text>", "why; at least 20 characters to break the glass")
    .option("--for <time>", "how long, such as 30m, 8h or 7d; at most 30d, and 1h to break the glass", duration)
    .option("--break-glass", "for yourself, in an emergency; it is reported at once")
    .addOption(keyFile())
    .option("--json", "print the outcome as JSON")
    .action((options: GrantOptions) =>
      withControl(context, options, async (client) => {
        const { agent, task, server, tool, reason, breakGlass = false } = options;
        const expiresInMs = options.for ?? (breakGlass ? 3600_000 : 8 * 3600_000);
        const body = await client.post<{ exceptionId: string; expiresMs: number }>("/v1/exceptions", { scope: { agent, taskId: task, server, tool }, reason, breakGlass, expiresInMs });
        print(context, options, body, [`${body.exceptionId} is in force until ${new Date(body.expiresMs).toISOString()}`]);
      }),
    );
  describeVerb(exceptions, "revoke", "end an exception at once", 'signalbox exceptions revoke ex-7f3a9c21d0 --reason "done early"')
    .argument("<id>")
    .option("--reason <text>", "why", "")
    .addOption(keyFile())
    .option("--json", "print the outcome as JSON")
    .action((id: string, options: { reason: string } & Shared) =>
      withControl(context, options, async (client) => {
        print(context, options, await client.delete<object>(`/v1/exceptions/${encodeURIComponent(id)}`, { reason: options.reason }), [`${id} is revoked`]);
      }),
    );
}

function registerQuarantine(program: Command, context: CommandContext): void {
  const quarantine = program.command("quarantine").description("the results that were kept back from agents");
  listVerb(quarantine, "list", "list what is kept back", "signalbox quarantine list", ["held", "released", "redacted", "deleted", "expired"], "held").action((options: ListOptions) =>
    withControl(context, options, async (client) => {
      const body = await client.get<{ quarantine: QuarantineView[] }>(`/v1/quarantine${filter(options)}`);
      show(context, options, body, quarantineRows(body.quarantine, context.clock.nowMs()), "result");
    }),
  );
  describeVerb(quarantine, "show", "read one safely: what hides in it is made visible, and nothing in it is obeyed", "signalbox quarantine show q-7f3a9c21d0")
    .argument("<id>")
    .addOption(keyFile())
    .option("--json", "print it as JSON")
    .action((id: string, options: Shared) =>
      withControl(context, options, async (client) => {
        const body = await client.get<QuarantineView & { content: PlainText | null }>(`/v1/quarantine/${encodeURIComponent(id)}`);
        print(context, options, body, quarantineLines(body));
      }),
    );
  const verdicts = [
    ["release", "give the agent the whole result when it repeats the call"],
    ["redact", "give the agent the result without what was found in it"],
    ["delete", "give the agent nothing, and remove the result; also takes back what was released"],
  ] as const;
  for (const [verdict, description] of verdicts) {
    describeVerb(quarantine, verdict, description, `signalbox quarantine ${verdict} q-7f3a9c21d0 --comment "a quoted mail, harmless"`)
      .argument("<id>")
      .option("--comment <text>", "why; it stays with the decision", "")
      .addOption(keyFile())
      .option("--json", "print the outcome as JSON")
      .action((id: string, options: { comment: string } & Shared) =>
        withControl(context, options, async (client) => {
          const { comment } = options;
          const body = await client.post<{ status: string }>(`/v1/quarantine/${encodeURIComponent(id)}/settle`, { verdict, comment });
          print(context, options, body, [`${id} is ${body.status}`]);
        }),
      );
  }
}

function listVerb(parent: Command, name: string, description: string, example: string, states: readonly string[], usual: string): Command {
  return describeVerb(parent, name, description, example)
    .addOption(new Option("--state <state>", "only these").choices([...states, "all"]).default(usual))
    .addOption(keyFile())
    .option("--json", "print them as JSON");
}

const filter = ({ state }: ListOptions): string => (state === "all" ? "" : `?state=${state}`);

function show(context: CommandContext, options: ListOptions, body: object, rows: Rows, noun: string): void {
  const found = rows.length - 1;
  const kind = options.state === "all" ? noun : `${options.state} ${noun}`;
  print(context, options, body, found === 0 ? [`no ${kind}s`] : columns(rows));
}

function print(context: CommandContext, { json }: Shared, body: object, lines: readonly string[]): void {
  if (json) return context.print(inertJson(body));
  for (const line of lines) context.print(line);
}

/** JSON leaves some characters as they are that a terminal obeys or hides; as escapes they mean the same. */
const inertJson = (body: object): string =>
  JSON.stringify(body, null, 2).replace(/[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

function duration(value: string): number {
  const match = /^(\d{1,5})\s*(m|min|h|d)$/.exec(value);
  if (!match) throw new InvalidArgumentError("write it as 30m, 8h or 7d");
  const unit = { m: 60_000, min: 60_000, h: 3600_000, d: 86_400_000 }[match[2]!]!;
  return Number(match[1]) * unit;
}

async function withControl(context: CommandContext, options: Shared, work: (client: ControlClient) => Promise<void>): Promise<void> {
  await work(createControlClient(context, { keyFile: options.keyFile }));
}
