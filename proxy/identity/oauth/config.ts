import { z } from "zod";
import { SECRET_PLACE, SECRET_PLACE_FORM } from "../../../collector/kernel/secret-place.ts";

/** Asymmetric alone: with `none` anybody signs, and with HS* whoever can check a token can also make one. */
export const signatureAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const;

/** https, or http on this machine alone: keys and tokens that travel in clear are nobody's. */
export const secureUrl = z.url({ protocol: /^https?$/ }).refine((url) => isSecure(url), "must be https, or http on a loopback address");

function isSecure(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** One claim, by its name or by a path with dots; of several, the first that is there counts. */
const claimPaths = (...defaults: string[]) =>
  z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .transform((value) => (typeof value === "string" ? [value] : value))
    .default(defaults);

const claimsSchema = z.strictObject({
  /** The acting party where the token was made by delegation, and otherwise the client. */
  agent: claimPaths("act.sub", "client_id", "azp"),
  principal: claimPaths("sub", "client_id"),
  /** Of tokens that name no task. */
  taskClass: claimPaths("task_class"),
  scopes: claimPaths("scope", "scp"),
  task: claimPaths("task"),
});

const issuerSchema = z
  .strictObject({
    /** Exactly as in the `iss` claim. */
    issuer: secureUrl,
    /** Stands before each agent, principal and task of this issuer, so that no two issuers can speak of one name. */
    prefix: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*[:/]$/, "a name that ends with : or /").or(z.literal("")).default(""),
    /** The servers that its tokens are for; globs. Empty means all. */
    servers: z.array(z.string().min(1)).default([]),
    /** Where its keys are; absent, its own metadata says so. */
    jwksUri: secureUrl.optional(),
    /** Its tokens are not read here: the issuer is asked about each (RFC 7662). */
    introspection: z
      .strictObject({
        /** Absent, the issuer's metadata says so. */
        url: secureUrl.optional(),
        clientId: z.string().min(1),
        clientSecret: z.string().regex(SECRET_PLACE, SECRET_PLACE_FORM),
      })
      .optional(),
    algorithms: z.array(z.enum(signatureAlgorithms)).min(1).default(["RS256", "ES256", "EdDSA"]),
    /** The `typ` of its access tokens (RFC 9068). Issuers that write none need `JWT` here, which an ID token has too. */
    types: z.array(z.enum(["at+jwt", "JWT"])).min(1).default(["at+jwt"]),
    /** The audiences that mean a server of this proxy, `{server}` standing for its name; absent, the server's own URL. */
    audience: z.array(z.string().min(1)).min(1).optional(),
    claims: claimsSchema.prefault({}),
  })
  .refine((one) => one.jwksUri === undefined || one.introspection === undefined, {
    path: ["jwksUri"],
    message: "an issuer is either asked about each token or its keys are read, not both",
  });

const scopeRuleSchema = z.strictObject({
  /** Globs; empty means all servers. */
  servers: z.array(z.string().min(1)).default([]),
  /** The effects of the tools that need the scopes; empty means every message. */
  effects: z.array(z.enum(["read", "write", "destructive"])).default([]),
  /** One token of RFC 6749, 3.3. */
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "no spaces, quotes or backslashes")).min(1),
});

/** `proxy.oauth`: whose access tokens are accepted, for which servers, and what is read out of them. */
export const oauthConfigSchema = z
  .strictObject({
    issuers: z.array(issuerSchema).min(1),
    /** What a token must be good for beyond being valid. A call needs the scopes of every rule that fits it. */
    scopes: z.array(scopeRuleSchema).default([]),
    /** A scope that stands for others as well: `{ "tickets:admin": ["tickets:write"] }`. */
    implies: z.record(z.string(), z.array(z.string())).default({}),
    /** The `type` of the authorization details (RFC 9396) that name a task. */
    taskDetailsType: z.string().min(1).default("signalbox_task"),
    /** How far the issuer's clock and ours may be apart. */
    clockSkewSeconds: z.int().min(0).max(300).default(30),
    /** How long a token counts as checked; its own expiry always counts. */
    verifiedForSeconds: z.int().min(1).max(3600).default(60),
    /** The same for what the issuer was asked about, which it may revoke at any time. */
    introspectedForSeconds: z.int().min(1).max(3600).default(30),
    /** How long an issuer's keys are used before they are fetched again. */
    keysMaxAgeSeconds: z.int().min(1).max(86_400).default(600),
    /** The least time between two fetches: a token with a made-up key id must not make us ask its issuer each time. */
    keysRefetchSeconds: z.int().min(1).max(3600).default(30),
    timeoutMs: z.int().min(100).max(30_000).default(5000),
  })
  .superRefine(({ issuers }, context) => {
    const seen = { issuer: new Set<string>(), prefix: new Set<string>() };
    let asked = 0;
    issuers.forEach((one, i) => {
      const refuse = (field: string, message: string): void => context.addIssue({ code: "custom", path: ["issuers", i, field], message });
      if (seen.issuer.has(one.issuer)) refuse("issuer", "this issuer stands here already");
      if (seen.prefix.has(one.prefix)) refuse("prefix", "each issuer needs a prefix of its own: two could otherwise speak of the same agent or person");
      // A token that says nothing of its issuer would have to be shown to each of them.
      if (one.introspection && ++asked > 1) refuse("introspection", "one issuer at most can be asked about tokens");
      seen.issuer.add(one.issuer);
      seen.prefix.add(one.prefix);
    });
  });

export type OAuthConfig = z.infer<typeof oauthConfigSchema>;
export type IssuerConfig = OAuthConfig["issuers"][number];
