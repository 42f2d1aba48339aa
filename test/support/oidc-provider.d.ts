/** The part of oidc-provider that the tests use; the package has no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

  export interface InteractionDetails {
    readonly prompt: { readonly name: string; readonly details: { missingOIDCScope?: string[]; missingResourceScopes?: Record<string, string[]> } };
    readonly params: Record<string, string>;
    readonly session?: { accountId: string };
  }

  export interface GrantContext {
    readonly oidc: { readonly params: Record<string, unknown>; readonly client: { readonly clientId: string } };
    body: unknown;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
    registerGrantType(name: string, handler: (context: GrantContext) => Promise<void>, parameters: string[]): void;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object, options?: object): Promise<void>;
    Grant: new (of: { accountId: string; clientId: string }) => {
      addOIDCScope(scope: string): void;
      addResourceScope(resource: string, scope: string): void;
      save(): Promise<string>;
    };
  }
}
