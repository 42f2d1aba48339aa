import type { FastifyPluginCallback } from "fastify";
import type { RegistrySnapshot } from "../../registry/server-entry.ts";
import { METADATA_PATH } from "./challenge.ts";
import type { ResourceServer } from "./resource-server.ts";

export interface MetadataOptions {
  readonly resourceServer: Pick<ResourceServer, "metadata">;
  readonly registry: () => RegistrySnapshot;
  readonly allows: (host: string | undefined, origin: string | undefined) => boolean;
}

/**
 * GET /.well-known/oauth-protected-resource/mcp/{server}: where tokens for that server are to be had (RFC 9728). There is no
 * document at the root, because the proxy as a whole is not a resource: a token for all of its servers would be good for each.
 */
export const protectedResourceMetadata: FastifyPluginCallback<MetadataOptions> = (app, { resourceServer, registry, allows }, done) => {
  // The path of the public URL stands between the well-known name and ours.
  app.get<{ Params: { "*": string } }>(`${METADATA_PATH}/*`, (request, reply) => {
    if (!allows(request.headers.host, request.headers.origin)) return reply.code(403).send({ error: "this proxy does not serve that Host or Origin" });
    const server = /(?:^|\/)mcp\/([a-z0-9-]+)$/.exec(request.params["*"])?.[1] ?? "";
    if (!registry().servers.has(server)) return reply.code(404).send({ error: "the registry has no server of this name" });
    return reply.header("cache-control", "max-age=300").send(resourceServer.metadata(server));
  });
  done();
};
