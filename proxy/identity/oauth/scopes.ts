import { compilePatterns, fits } from "../../policy/pattern.ts";
import type { OAuthConfig } from "./config.ts";

export interface ScopeRules {
  /** What a call of a tool of this effect needs, and with an empty effect what every message needs. The same list each time. */
  needed(server: string, effect: string): readonly string[];
}

/** Which scopes `proxy.oauth.scopes` asks for; a call needs those of every rule that fits it. */
export function createScopeRules(rules: OAuthConfig["scopes"]): ScopeRules {
  const compiled = rules.map(({ servers, effects, scopes }) => ({ servers: compilePatterns(servers), effects: new Set<string>(effects), scopes }));
  /** Bounded by the registry, whose servers alone are asked about. */
  const known = new Map<string, readonly string[]>();
  return {
    needed(server, effect) {
      const key = `${server} ${effect}`;
      let found = known.get(key);
      if (!found) {
        const fitting = compiled.filter((rule) => (!rule.servers || fits(rule.servers, server)) && (rule.effects.size === 0 || rule.effects.has(effect)));
        known.set(key, (found = [...new Set(fitting.flatMap((rule) => rule.scopes))]));
      }
      return found;
    },
  };
}
