import type { Finding } from "../../findings/finding.ts";

/** The last event of one kind about one subject in a window. */
export interface Change {
  readonly kind: string;
  readonly subject: string;
  readonly times: number;
  readonly by: string;
  readonly event: Readonly<Record<string, unknown>>;
}

export interface Notice {
  readonly severity: Finding["severity"];
  readonly metric: string;
  readonly entityKind: Finding["entityKind"];
  readonly entity: string;
  readonly server: string;
  readonly tool: string;
  readonly agent: string;
  readonly summary: string;
}

/** From here on a definition's text counts as instructions to the agent. */
const INSTRUCTIONS = 0.5;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v) => typeof v === "string") : []);
const few = (items: readonly string[]): string => `${items.slice(0, 5).join("; ")}${items.length > 5 ? `; and ${items.length - 5} more` : ""}`;

/** What a person is told of a change; null for one that is nobody's concern. */
export function noticeOf(change: Change): Notice | null {
  const { event, by } = change;
  const none = { server: "", tool: "", agent: "" };
  switch (change.kind) {
    case "files.refused":
      return {
        ...none,
        severity: "ticket",
        metric: "Refused files",
        entityKind: "control",
        entity: text(event.part),
        summary: `The changed ${text(event.part)} files are not valid, so what was in force before stays so: ${few(list(event.problems))}`,
      };
    case "tool.seen":
      return toolNotice(event);
    case "exception.granted": {
      const exception = (event.exception ?? {}) as Record<string, unknown>;
      if (exception.breakGlass !== true) return null;
      const scope = (exception.scope ?? {}) as Record<string, unknown>;
      return {
        ...none,
        server: text(scope.server),
        tool: text(scope.tool),
        agent: text(scope.agent),
        severity: "page",
        metric: "Break-glass",
        entityKind: "control",
        entity: text(exception.exceptionId),
        summary: `${by} opened access past the policy for ${describeScope(scope)}: ${text(exception.reason)}`,
      };
    }
    case "stop.set": {
      const scope = (event.scope ?? {}) as Record<string, unknown>;
      return {
        ...none,
        server: text(scope.server),
        tool: text(scope.tool),
        agent: text(scope.agent),
        severity: "info",
        metric: "Stops",
        entityKind: "control",
        entity: text(event.stopId),
        summary: `${by} stopped ${describeScope(scope)}: ${text(event.reason)}`,
      };
    }
    default:
      return null;
  }
}

function toolNotice(event: Change["event"]): Notice | null {
  const change = text(event.change);
  const instructions = typeof event.instructionScore === "number" && event.instructionScore >= INSTRUCTIONS;
  if (change === "first" && !instructions && event.action === "pass") return null;
  const server = text(event.server);
  const tool = text(event.tool);
  const done = event.action === "pass" ? "Calls go on." : event.action === "hold" ? "Calls wait for a person's approval." : "Calls are refused.";
  const carries = instructions ? " Its description reads as instructions to the agent." : "";
  const differences = list(event.differences);
  return {
    severity: instructions ? "page" : event.action === "pass" ? "info" : "ticket",
    metric: "Tool definition",
    entityKind: "tool",
    entity: `${server}/${tool}`,
    server,
    tool,
    agent: "",
    summary: `${spoken[change] ?? "The definition changed"} (version ${text(event.version)}).${carries} ${done}${differences.length > 0 ? ` ${few(differences)}` : ""}`,
  };
}

const spoken: Readonly<Record<string, string>> = {
  first: "A tool was seen for the first time",
  compatible: "The tool's definition changed in a way that callers need not notice",
  breaking: "The tool's definition changed in a way that breaks callers",
  vanished: "The server no longer lists the tool",
};

function describeScope(scope: Readonly<Record<string, unknown>>): string {
  const parts = (["agent", "server", "tool", "taskId"] as const).filter((key) => text(scope[key]) !== "").map((key) => `${key} ${text(scope[key])}`);
  return parts.join(", ") || "everything";
}
