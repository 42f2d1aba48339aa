import type { RegisterCommands, CommandContext } from "../collector/kernel/command.ts";
import { SignalboxError } from "../collector/kernel/errors.ts";
import { storeConfigSchema } from "../collector/config.ts";
import { createStoreClient, type Store } from "../collector/store/client.ts";
import { renderAlertText } from "./alert.ts";
import { alertsConfigSchema, rulesDir } from "./config.ts";
import { listIncidents, openIncident, recordStep } from "./incidents/incidents.ts";
import { incidentSteps, initiators } from "./incidents/steps.ts";
import { createNotifiers } from "./notify/create.ts";
import { currentAlerts } from "./read.ts";
import { loadRules } from "./rule.ts";

const week = 7 * 24 * 3600_000;

export const registerAlerts: RegisterCommands = (program, context) => {
  const alerts = program.command("alerts").description("what fires, and whether the rules are sound");
  alerts
    .command("list")
    .description("active alerts, and those that ended in the last seven days")
    .option("--json", "print whole alerts as JSON")
    .action((flags: { json?: boolean }) => withStore(context, (store) => list(context, store, flags.json ?? false)));
  alerts
    .command("check")
    .description("read every rule and receiver; exit code 1 where one is not usable")
    .action(() => check(context));
  registerIncidents(program, context);
};

function check(context: CommandContext): void {
  const dir = rulesDir(context.config());
  const rules = loadRules(dir);
  const notifiers = createNotifiers(context.config().section("alerts", alertsConfigSchema), context.env);
  for (const r of rules) context.print(`${r.id} v${r.version}: ${r.for.breaches} of ${r.for.windows} windows, recovers after ${r.recover}, ${r.severity}, owner ${r.owner}`);
  context.print(`${rules.length} rules in ${dir}; ${notifiers.length === 0 ? "no receiver: nobody will be told" : `receivers: ${notifiers.map((n) => n.receiver.split("@")[0]).join(", ")}`}`);
}

async function list(context: CommandContext, store: Store, json: boolean): Promise<void> {
  const all = [...(await currentAlerts(store, context.clock.nowMs() - week)).values()].filter((a) => a.state !== "inactive");
  if (json) return context.print(JSON.stringify(all.map((a) => a.alert)));
  if (all.length === 0) return context.print("nothing is firing, and nothing ended in the last seven days");
  for (const a of all) {
    context.print(a.alert ? renderAlertText(a.alert) : `${a.alertId} ${a.state}`);
    context.print("");
  }
}

interface StepFlags {
  title?: string;
  severity?: string;
  alert?: string;
  actor?: string;
  at?: string;
  note?: string;
  cause?: string;
  call?: string[];
  initiator?: (typeof initiators)[number];
  drill?: boolean;
}

function registerIncidents(program: Parameters<RegisterCommands>[0], context: CommandContext): void {
  const incidents = program.command("incidents").description("the steps of an investigation, appended and never changed");
  incidents
    .command("open")
    .requiredOption("--title <words>", "what happened, as far as is known")
    .option("--severity <word>", "page, ticket or info", "ticket")
    .option("--alert <id>", "the alert that showed it")
    .option("--actor <name>", "who opens it (default: $USER)")
    .option("--at <time>", "when it was detected (default: now)")
    .option("--drill", "an exercise; left out of the numbers")
    .action((flags: StepFlags) =>
      withStore(context, async (store) => {
        const detected = flags.at ? { detectedAtMs: instant(flags.at) } : {};
        const id = await openIncident({ store, clock: context.clock }, { actor: actorOf(context, flags), title: flags.title, severity: flags.severity, alertId: flags.alert, drill: flags.drill, ...detected });
        context.print(id);
      }),
    );
  incidents
    .command("step <incident> <step>")
    .description(`append a step: ${incidentSteps.filter((s) => s !== "opened").join(", ")}`)
    .option("--actor <name>", "who (default: $USER)")
    .option("--at <time>", "when it happened (default: now)")
    .option("--note <words>")
    .option("--cause <words>", "what was behind it; needed by cause_identified")
    .option("--call <id...>", "calls that show it; at least one is needed by cause_identified")
    .option("--initiator <who>", `who set it off: ${initiators.join(", ")}`, "unknown")
    .action((incident: string, step: (typeof incidentSteps)[number], flags: StepFlags) =>
      withStore(context, (store) =>
        recordStep({ store, clock: context.clock }, incident, {
          step,
          actor: actorOf(context, flags),
          ...(flags.at ? { occurredAtMs: instant(flags.at) } : {}),
          note: flags.note,
          cause: flags.cause,
          callIds: flags.call,
          initiator: flags.initiator,
        }),
      ),
    );
  incidents
    .command("list")
    .option("--json", "print as JSON")
    .action((flags: { json?: boolean }) =>
      withStore(context, async (store) => {
        const all = await listIncidents(store);
        if (flags.json) return context.print(JSON.stringify(all));
        if (all.length === 0) context.print("no incidents");
        for (const i of all) context.print(`${i.incidentId}  ${i.steps.at(-1)?.step ?? ""}  ${i.severity}  ${i.title}  (${i.steps.map((s) => `${s.step} ${new Date(s.occurredAtMs).toISOString()}`).join(", ")})`);
      }),
    );
}

const actorOf = (context: CommandContext, flags: StepFlags): string => flags.actor ?? context.env.USER ?? "unknown";

function instant(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isFinite(ms)) throw new SignalboxError("E_TIME", `"${text}" is not a time`, { remedy: "write it as 2026-03-02T10:05:00Z" });
  return ms;
}

async function withStore<T>(context: CommandContext, work: (store: Store) => Promise<T>): Promise<T> {
  const { url, username, password, database } = context.config().section("store", storeConfigSchema);
  const store = createStoreClient({ url, username, password, database, caller: "alerts" });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
