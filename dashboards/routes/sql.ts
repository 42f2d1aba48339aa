import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { guardSql } from "../sql/guard.ts";
import { describeLimits } from "../sql/limits.ts";
import { runSql, type SqlEvent } from "../sql/run.ts";
import { loadSamples } from "../sql/samples.ts";
import type { RouteContext } from "./context.ts";

const runSchema = z.strictObject({
  sql: z.string().max(100_000),
  params: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.union([z.string().max(10_000), z.number()])).default({}),
});

/** The investigators' SQL box: guarded text, streamed result, cancelled by its id or by going away. */
export function sqlRoutes(app: FastifyInstance, context: RouteContext): void {
  const { rawQuery, config, clock, logger } = context;
  const running = new Map<string, AbortController>();
  const samples = loadSamples();

  app.get("/api/sql", async () => ({ limits: describeLimits(config.sql), maxRows: config.sql.maxRows, samples }));

  app.post("/api/sql/run", async (request, reply) => {
    const { sql, params } = runSchema.parse(request.body);
    const guarded = guardSql(sql);
    if (!guarded.ok) return reply.code(400).send({ error: guarded.why, position: guarded.position });
    if (running.size >= config.sql.maxConcurrent) return reply.code(429).send({ error: `${running.size} queries are running; wait for one, or cancel it` });
    const queryId = `console-${randomUUID()}`;
    const abort = new AbortController();
    running.set(queryId, abort);
    reply.raw.on("close", () => abort.abort());
    logger.info({ queryId, length: sql.length }, "sql run");
    const events = runSql({ query: rawQuery, limits: config.sql, statement: guarded.statement, params, queryId, signal: abort.signal, nowMs: () => clock.nowMs() });
    const body = Readable.from(lines(events, () => running.delete(queryId)));
    return reply.type("application/x-ndjson").header("cache-control", "no-store").send(body);
  });

  app.post("/api/sql/cancel", async (request, reply) => {
    const { queryId } = z.strictObject({ queryId: z.string().max(100) }).parse(request.body);
    const abort = running.get(queryId);
    if (!abort) return reply.code(404).send({ error: "no such query is running" });
    abort.abort();
    return { cancelled: true };
  });

  app.addHook("onClose", async () => {
    for (const abort of running.values()) abort.abort();
  });
}

async function* lines(events: AsyncIterable<SqlEvent>, done: () => void): AsyncGenerator<string> {
  try {
    for await (const event of events) yield `${JSON.stringify(event)}\n`;
  } finally {
    done();
  }
}
