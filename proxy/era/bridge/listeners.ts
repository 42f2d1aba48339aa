import type { JsonObject } from "../../transport/envelope.ts";
import { SUBSCRIPTION_ID_KEY } from "../classify.ts";
import { objectOf, type Step } from "./step.ts";

const wanted: Readonly<Record<string, (filter: JsonObject, params: JsonObject) => boolean>> = {
  "notifications/tools/list_changed": (filter) => filter.toolsListChanged === true,
  "notifications/prompts/list_changed": (filter) => filter.promptsListChanged === true,
  "notifications/resources/list_changed": (filter) => filter.resourcesListChanged === true,
  "notifications/resources/updated": (filter, { uri }) => urisOf(filter).includes(uri as string),
};

/** The listening streams of clients that share a session of the older protocol, and what they are subscribed to together. */
export class Listeners {
  /** What each was promised, by the id of its request. */
  readonly #filters = new Map<unknown, JsonObject>();
  readonly #counts = new Map<string, number>();

  get subscribed(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Promises what the server can tell, and gives the resources that nobody listened to before. */
  add(id: unknown, asked: JsonObject, { tools, prompts, resources }: JsonObject, step: Step): string[] {
    const changes = (key: string, of: unknown): JsonObject => (asked[key] === true && objectOf(of).listChanged === true ? { [key]: true } : {});
    const uris = objectOf(resources).subscribe === true ? urisOf(asked) : [];
    const filter = {
      ...changes("toolsListChanged", tools),
      ...changes("promptsListChanged", prompts),
      ...changes("resourcesListChanged", resources),
      ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}),
    };
    this.#filters.set(id, filter);
    say(id, "notifications/subscriptions/acknowledged", { notifications: filter }, step);
    const fresh = uris.filter((uri) => !this.#counts.has(uri));
    for (const uri of uris) this.#counts.set(uri, (this.#counts.get(uri) ?? 0) + 1);
    return fresh;
  }

  /** Gives the resources that nobody listens to any more. */
  remove(id: unknown): string[] {
    const uris = urisOf(this.#filters.get(id) ?? {});
    this.#filters.delete(id);
    for (const uri of uris) this.#counts.set(uri, (this.#counts.get(uri) ?? 1) - 1);
    const last = uris.filter((uri) => this.#counts.get(uri) === 0);
    for (const uri of last) this.#counts.delete(uri);
    return last;
  }

  /** Passes a notification on to whoever asked for its kind; any other is for nobody. */
  tell(method: string, params: JsonObject, step: Step): void {
    const wants = Object.hasOwn(wanted, method) ? wanted[method]! : null;
    if (wants === null) return;
    for (const [id, filter] of this.#filters) if (wants(filter, params)) say(id, method, params, step);
  }
}

function say(id: unknown, method: string, params: JsonObject, step: Step): void {
  step.toClient.push({ message: { jsonrpc: "2.0", method, params: { ...params, _meta: { ...objectOf(params._meta), [SUBSCRIPTION_ID_KEY]: id } } }, about: id });
}

function urisOf({ resourceSubscriptions }: JsonObject): string[] {
  return Array.isArray(resourceSubscriptions) ? [...new Set(resourceSubscriptions.filter((uri): uri is string => typeof uri === "string"))] : [];
}
