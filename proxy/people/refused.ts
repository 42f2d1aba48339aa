import type { z } from "zod";
import type { Actor, Command, Decided, Role } from "../state/command.ts";

export type Refused = Extract<Decided, { ok: false }>;

export const refused = (status: Refused["status"], code: string, message: string): Refused => ({ ok: false, status, code, message });

/** Reads a command; a member that is wrong is named, its value never. */
export function read<T extends z.ZodType>(schema: T, command: Command): { readonly ok: true; readonly data: z.infer<T> } | Refused {
  const parsed = schema.safeParse(command);
  if (parsed.success) return { ok: true, data: parsed.data };
  const faults = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.map(String).join(".") || "the request"}: ${issue.message}`);
  return refused(400, "E_COMMAND", faults.join("; ").slice(0, 500));
}

const nouns: Readonly<Record<Role, string>> = { agent: "an agent", approver: "an approver", operator: "an operator" };

/** Null where the actor has one of the roles. */
export function withoutRole(actor: Actor, allowed: readonly Role[]): Refused | null {
  if (allowed.some((role) => actor.roles.includes(role))) return null;
  return refused(403, "E_ROLE", `only ${allowed.map((role) => nouns[role]).join(" or ")} may do this`);
}
