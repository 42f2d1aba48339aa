import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { actorOf, controlScope, replyDecided, replyRefused, type ControlApiOptions } from "../state/http.ts";
import type { Actor } from "../state/command.ts";
import type { HeldArguments } from "./held-arguments.ts";
import { refused } from "./refused.ts";
import { safeText } from "./safe-text.ts";
import { approvalView, exceptionView, quarantineView } from "./views.ts";

/** The bytes of quarantined results, wherever they are kept; QuarantineStore is one. */
export interface QuarantineBytes {
  /** Null once they are gone. */
  read(quarantineId: string, nowMs: number): Promise<Uint8Array | null>;
  remove(quarantineId: string): Promise<void>;
}

export interface PeopleApiOptions extends ControlApiOptions {
  readonly quarantine?: QuarantineBytes;
  readonly heldArguments?: Pick<HeldArguments, "read">;
}

const listSchema = z.object({ state: z.string().optional().catch(undefined), limit: z.coerce.number().int().min(1).max(1000).catch(200) });
type ById = { Params: { id: string } };

/**
 * The fastify plugin of what people decide: `/v1/approvals`, `/v1/exceptions`, `/v1/quarantine`. Nothing is ever decided by
 * a GET, because links are opened by previews and mail scanners too. Agents see what concerns their own calls.
 */
export async function peopleApi(app: FastifyInstance, options: PeopleApiOptions): Promise<void> {
  controlScope(app, options);
  approvalRoutes(app, options);
  exceptionRoutes(app, options);
  quarantineRoutes(app, options);
}

function approvalRoutes(app: FastifyInstance, { control, clock, heldArguments }: PeopleApiOptions): void {
  app.get("/v1/approvals", async (request) => {
    const actor = actorOf(request);
    const views = [...control.state.approvals.values()].filter((a) => decides(actor) || isOwn(actor, a.approval)).map((a) => approvalView(a, clock.nowMs()));
    return { approvals: listed(request, views) };
  });

  app.get<ById>("/v1/approvals/:id", async (request, reply) => {
    const actor = actorOf(request);
    const found = control.state.approvals.get(request.params.id);
    if (!found || !(decides(actor) || isOwn(actor, found.approval))) return notFound(reply, "approval");
    const kept = decides(actor) ? ((await heldArguments?.read(found.approval.approvalId)) ?? null) : null;
    return { ...approvalView(found, clock.nowMs()), arguments: kept === null ? null : plainText(kept) };
  });

  for (const verdict of ["approve", "deny"] as const) {
    app.post<ById>(`/v1/approvals/:id/${verdict}`, async (request, reply) => {
      const command = { ...bodyOf(request), kind: "approval.decide", approvalId: request.params.id, verdict };
      return replyDecided(reply, await control.submit(command, actorOf(request)));
    });
  }
}

function exceptionRoutes(app: FastifyInstance, { control, clock }: PeopleApiOptions): void {
  app.get("/v1/exceptions", async (request) => {
    const actor = actorOf(request);
    const views = [...control.state.exceptions.values()]
      .filter(({ exception: { scope } }) => decides(actor) || scope.agent === actor.agent)
      .map((e) => exceptionView(e, clock.nowMs()));
    return { exceptions: listed(request, views) };
  });
  app.post("/v1/exceptions", async (request, reply) => {
    const decided = await control.submit({ ...bodyOf(request), kind: "exception.grant" }, actorOf(request));
    return replyDecided(reply, decided, 201);
  });
  app.delete<ById>("/v1/exceptions/:id", async (request, reply) => {
    const command = { ...bodyOf(request), kind: "exception.revoke", exceptionId: request.params.id };
    return replyDecided(reply, await control.submit(command, actorOf(request)));
  });
}

function quarantineRoutes(app: FastifyInstance, { control, clock, quarantine }: PeopleApiOptions): void {
  app.get("/v1/quarantine", async (request, reply) => {
    if (!decides(actorOf(request))) return replyRefused(reply, onlyPeople);
    return { quarantine: listed(request, [...control.state.quarantine.values()].map((q) => quarantineView(q, clock.nowMs()))) };
  });

  app.get<ById>("/v1/quarantine/:id", async (request, reply) => {
    if (!decides(actorOf(request))) return replyRefused(reply, onlyPeople);
    const found = control.state.quarantine.get(request.params.id);
    if (!found) return notFound(reply, "quarantined result");
    const view = quarantineView(found, clock.nowMs());
    const gone = view.status === "deleted" || view.status === "expired";
    const bytes = gone ? null : ((await quarantine?.read(view.quarantineId, clock.nowMs())) ?? null);
    return { ...view, content: bytes === null ? null : plainText(Buffer.from(bytes).toString("utf8")) };
  });

  app.post<ById>("/v1/quarantine/:id/settle", async (request, reply) => {
    const { id } = request.params;
    const decided = await control.submit({ ...bodyOf(request), kind: "quarantine.settle", quarantineId: id }, actorOf(request));
    if (decided.ok && control.state.quarantine.get(id)?.verdict === "delete") await quarantine?.remove(id);
    return replyDecided(reply, decided);
  });
}

/** A member of a JSON answer that says what it is: to be shown as it stands, and interpreted by nobody. */
const plainText = (text: string) => ({ type: "text/plain", ...safeText(text) });

const decides = (actor: Actor): boolean => actor.roles.includes("approver") || actor.roles.includes("operator");
const isOwn = (actor: Actor, call: { agent: string; principal: string; taskId: string }): boolean =>
  call.agent === actor.agent && call.principal === actor.principal && (actor.taskId === undefined || actor.taskId === call.taskId);

/** The newest first. */
function listed<T extends { readonly status: string }>(request: FastifyRequest, views: readonly T[]): T[] {
  const { state, limit } = listSchema.parse(request.query);
  return views.filter((view) => state === undefined || view.status === state).reverse().slice(0, limit);
}

/** A body need not be there; what stands in it is checked by the decider. It goes first, so that it names no other command. */
const bodyOf = (request: FastifyRequest): object => (typeof request.body === "object" && request.body !== null ? request.body : {});

const onlyPeople = refused(403, "E_ROLE", "only an approver or an operator may see this");
const notFound = (reply: FastifyReply, what: string): FastifyReply => replyRefused(reply, refused(404, "E_NOT_FOUND", `there is no such ${what}`));
