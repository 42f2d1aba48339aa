import { builtinPrefix, matchSchema, type Rule } from "./rule.ts";

/**
 * What every client does before and around its calls, on a server that it may call at all. It carries no action of its
 * own; a file rule may still deny it, since deny wins.
 */
export const builtinRules: readonly Rule[] = [
  {
    id: `${builtinPrefix}protocol`,
    description: "Lifecycle, listing and stream methods of the protocol itself.",
    effect: "allow",
    match: matchSchema.parse({
      methods: [
        "initialize",
        "ping",
        "server/discover",
        "notifications/*",
        "*/list",
        "logging/setLevel",
        "completion/complete",
        "subscriptions/*",
        "resources/subscribe",
        "resources/unsubscribe",
        "transport/*",
        "response",
      ],
    }),
  },
];
