import type { FastifyInstance, FastifyPluginCallback, FastifyReply } from "fastify";
import { isOpen } from "./approved.ts";
import { deprecationNotice, pastSunset } from "./lifecycle.ts";
import { activeVersions } from "./rollout.ts";
import { namespaceOf, officialName, proxiedServerJson } from "./server-json/export.ts";
import type { RegistrySnapshot, ServerEntry } from "./server-entry.ts";

export interface RegistryApiOptions {
  readonly registry: () => RegistrySnapshot;
  /** The URL that agents reach the proxy under, without a slash at its end. */
  readonly publicUrl: string | (() => string);
  readonly environment: string;
  readonly nowMs: () => number;
  /** Whether a request may be answered, by its Host and Origin: a page on another site must not read this. */
  readonly allows?: (host: string | undefined, origin: string | undefined) => boolean;
}

const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 100;
const OFFICIAL = "io.modelcontextprotocol.registry/official";

/** One item of an answer, as the registry API has it. */
interface Listed {
  readonly name: string;
  readonly updatedMs: number;
  readonly deleted: boolean;
  readonly latest: ServerEntry;
}

type Parameter = "cursor" | "limit" | "search" | "updated_since" | "version" | "include_deleted";
type ListQuery = { readonly [P in Parameter]?: string | string[] };

/**
 * The reading part of the official registry API (v0.1) over the servers that may be called here, each under this proxy's
 * own URL: a client that reads registries is led here, and learns nothing of what is behind. A server that was retired is
 * named as deleted to those who ask for such.
 */
export const registryApi: FastifyPluginCallback<RegistryApiOptions> = (app, options, done) => {
  const publicUrl = (): string => (typeof options.publicUrl === "string" ? options.publicUrl : options.publicUrl()).replace(/\/$/, "");
  if (options.allows) guard(app, options.allows);

  app.get<{ Querystring: ListQuery }>("/v0.1/servers", (request, reply) => {
    const { cursor, limit: asked, search, version, updated_since, include_deleted } = single(request.query);
    const limit = limitOf(asked);
    if (limit === undefined) return refuse(reply, 400, `limit must be a whole number from 1 to ${MAX_LIMIT}`);
    const since = updated_since === undefined ? undefined : instantOf(updated_since);
    if (Number.isNaN(since)) return refuse(reply, 400, "updated_since must be an RFC 3339 date and time");
    const after = cursor === undefined || cursor === "" ? "" : nameOf(cursor);
    if (after === undefined) return refuse(reply, 400, "cursor is not one that this registry gave out");
    const wanted = search?.toLowerCase() ?? "";
    const withDeleted = since !== undefined || isTrue(include_deleted);

    const found = listed().filter(
      (one) =>
        one.name > after &&
        (withDeleted || !one.deleted) &&
        one.name.toLowerCase().includes(wanted) &&
        (since === undefined || one.updatedMs >= since) &&
        (version === undefined || version === "latest" || one.latest.version === version),
    );
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return reply.send({
      servers: page.map((one) => itemOf(one, one.latest.version)),
      metadata: { count: page.length, ...(found.length > limit && last ? { nextCursor: cursorOf(last.name) } : {}) },
    });
  });

  app.get<{ Params: { name: string }; Querystring: ListQuery }>("/v0.1/servers/:name/versions", (request, reply) => {
    const one = find(request.params.name, isTrue(single(request.query).include_deleted));
    if (!one) return refuse(reply, 404, "Server not found");
    const servers = versionsOf(one).map((version) => itemOf(one, version));
    return reply.send({ servers, metadata: { count: servers.length } });
  });

  app.get<{ Params: { name: string; version: string }; Querystring: ListQuery }>("/v0.1/servers/:name/versions/:version", (request, reply) => {
    const one = find(request.params.name, isTrue(single(request.query).include_deleted));
    const version = request.params.version === "latest" ? one?.latest.version : request.params.version;
    if (!one || version === undefined || !versionsOf(one).includes(version)) return refuse(reply, 404, "Server not found");
    return reply.send(itemOf(one, version));
  });
  done();

  /** By name, which is the order that cursors go by. */
  function listed(): Listed[] {
    const { servers, modifiedMs } = options.registry();
    const where = { environment: options.environment, nowMs: options.nowMs() };
    const namespace = namespaceOf(publicUrl());
    const all: Listed[] = [];
    const taken = new Set<string>();
    for (const entry of servers.values()) {
      const deleted = entry.lifecycle === "retired" || pastSunset(entry, where.nowMs);
      if (!entry.environments.includes(where.environment) || (!deleted && !isOpen(entry, where))) continue;
      // Two servers may have been imported from one server.json; each needs a name of its own here.
      const official = officialName(entry, namespace);
      const name = taken.has(official) ? `${namespace}/${entry.name}` : official;
      taken.add(name);
      all.push({ name, updatedMs: modifiedMs?.get(entry.name) ?? 0, deleted, latest: entry });
    }
    return all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  function find(name: string, withDeleted: boolean): Listed | undefined {
    return listed().find((one) => one.name === name && (withDeleted || !one.deleted));
  }

  function itemOf({ name, latest: entry, updatedMs, deleted }: Listed, version: string): object {
    const notice = deprecationNotice(entry);
    const updatedAt = new Date(updatedMs).toISOString();
    const url = deleted ? undefined : `${publicUrl()}/mcp/${entry.name}`;
    const status = deleted ? "deleted" : notice ? "deprecated" : "active";
    return {
      server: { ...proxiedServerJson(entry, namespaceOf(publicUrl()), url), name, version },
      _meta: {
        [OFFICIAL]: {
          status,
          ...(notice && !deleted ? { statusMessage: notice.message } : {}),
          statusChangedAt: updatedAt,
          publishedAt: updatedAt,
          updatedAt,
          isLatest: version === entry.version,
        },
        "mcp-signalbox/registry": {
          lifecycle: entry.lifecycle,
          ...(notice ? { sunset: notice.sunset, ...(notice.replacedBy === undefined ? {} : { replacedBy: notice.replacedBy }) } : {}),
          owner: entry.owner ?? "",
          contact: entry.contact ?? "",
          riskTier: entry.riskTier ?? "",
          dataDomains: entry.dataDomains,
          taskClasses: entry.taskClasses,
        },
      },
    };
  }
};

const versionsOf = ({ latest, deleted }: Listed): string[] => (deleted ? [latest.version] : activeVersions(latest).map((one) => one.version));

function guard(app: FastifyInstance, allows: NonNullable<RegistryApiOptions["allows"]>): void {
  app.addHook("onRequest", (request, reply, next) => {
    if (allows(request.headers.host, request.headers.origin)) next();
    else void refuse(reply, 403, "this host or origin is not allowed");
  });
}

const refuse = (reply: FastifyReply, status: number, error: string): FastifyReply => reply.code(status).send({ error });

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = Number(text);
  return /^\d{1,6}$/.test(text) && limit >= 1 ? Math.min(limit, MAX_LIMIT) : undefined;
}

/** Unix milliseconds; NaN for what is no RFC 3339 date and time. */
function instantOf(text: string): number {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i.test(text) ? Date.parse(text) : Number.NaN;
}

/** Of a parameter that is there several times, the first. */
function single(query: ListQuery): { readonly [P in Parameter]?: string } {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));
}

const isTrue = (text: string | undefined): boolean => text === "true" || text === "1";
const cursorOf = (name: string): string => Buffer.from(`after:${name}`).toString("base64url");

function nameOf(cursor: string): string | undefined {
  const text = Buffer.from(cursor, "base64url").toString("utf8");
  return text.startsWith("after:") ? text.slice("after:".length) : undefined;
}
