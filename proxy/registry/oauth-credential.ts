import { z } from "zod";
import { SECRET_PLACE, SECRET_PLACE_FORM } from "../../collector/kernel/secret-place.ts";
import { secureUrl, signatureAlgorithms } from "../identity/oauth/config.ts";

export const secretPlace = z.string().regex(SECRET_PLACE, SECRET_PLACE_FORM);

/** How a client says at a token endpoint who it is (RFC 7591, 2). */
export const clientAuthentications = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] as const;
export type ClientAuthentication = (typeof clientAuthentications)[number];

/** Where the identity provider of a grant by `id_jag` is, and who the proxy is there. */
const identityProviderSchema = z
  .strictObject({ issuer: secureUrl.optional(), tokenUrl: secureUrl.optional(), clientId: z.string().min(1), clientSecret: secretPlace })
  .refine(({ issuer, tokenUrl }) => (issuer === undefined) !== (tokenUrl === undefined), "name either the issuer or its tokenUrl");

/** A token that an authorization server issues to the proxy, for one endpoint alone. */
export const oauthCredentialSchema = z
  .strictObject({
    /** Whose metadata says where tokens are to be had. Without this and `tokenUrl` the server's own metadata names it. */
    issuer: secureUrl.optional(),
    tokenUrl: secureUrl.optional(),
    clientId: z.string().min(1),
    clientSecret: secretPlace.optional(),
    /** In PEM (PKCS #8); the proxy signs with it who it is, so that no secret leaves the machine (RFC 7523, 2.2). */
    privateKey: secretPlace.optional(),
    keyId: z.string().min(1).optional(),
    algorithm: z.enum(signatureAlgorithms).default("ES256"),
    /** Absent, what the issuer's metadata takes decides. */
    authentication: z.enum(clientAuthentications).optional(),
    /** All that is asked for. Empty, the server's challenges say what is needed, and later ones add to it. */
    scopes: z.array(z.string().min(1)).default([]),
    /** The resource to ask a token for (RFC 8707); absent, what the server's metadata calls it, or the endpoint's URL. */
    resource: z.url().optional(),
    /**
     * client_credentials: as the proxy. token_exchange: as the proxy for the caller, whose access token is exchanged (RFC 8693).
     * jwt_bearer: by `assertion`, such as a workload's token from its platform (RFC 7523). id_jag: by what the identity
     * provider says for the caller, or for `assertion`, an ID token (enterprise-managed authorization).
     */
    grant: z.enum(["client_credentials", "token_exchange", "jwt_bearer", "id_jag"]).default("client_credentials"),
    assertion: secretPlace.optional(),
    identityProvider: identityProviderSchema.optional(),
  })
  .superRefine((one, context) => {
    const refuse = (field: keyof typeof one, message: string): void => context.addIssue({ code: "custom", path: [field], message });
    const { grant } = one;
    if (one.issuer !== undefined && one.tokenUrl !== undefined) refuse("tokenUrl", "name either the issuer or its tokenUrl");
    if (one.clientSecret !== undefined && one.privateKey !== undefined) refuse("privateKey", "either a clientSecret or a privateKey, not both");
    if (grant !== "jwt_bearer" && one.clientSecret === undefined && one.privateKey === undefined) refuse("clientSecret", `the grant ${grant} is for clients that can prove who they are: name clientSecret or privateKey`);
    if (grant === "jwt_bearer" && one.assertion === undefined) refuse("assertion", "the grant jwt_bearer needs one");
    if (grant !== "jwt_bearer" && grant !== "id_jag" && one.assertion !== undefined) refuse("assertion", `the grant ${grant} has none`);
    if ((grant === "id_jag") !== (one.identityProvider !== undefined)) refuse("identityProvider", "goes with the grant id_jag, which needs one");
    if (grant === "id_jag" && one.tokenUrl !== undefined) refuse("tokenUrl", "what the identity provider says is for an issuer: name that");
    const proof = one.privateKey !== undefined ? ["private_key_jwt"] : one.clientSecret !== undefined ? ["client_secret_basic", "client_secret_post"] : ["none"];
    if (one.authentication !== undefined && !proof.includes(one.authentication)) refuse("authentication", `must be ${proof.join(" or ")} here`);
  });

export type OAuthCredential = z.infer<typeof oauthCredentialSchema>;

/** Whether tokens are issued for callers, each for one, by the access token that the caller brought. */
export const isForCaller = (oauth: OAuthCredential | undefined): boolean =>
  oauth !== undefined && (oauth.grant === "token_exchange" || (oauth.grant === "id_jag" && oauth.assertion === undefined));
