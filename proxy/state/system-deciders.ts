import { z } from "zod";
import { read, refused } from "../people/refused.ts";
import { systemActor, type Actor, type Deciders } from "./command.ts";
import { toolSeenSchema } from "./control-event.ts";

const refusedFiles = z.object({ part: z.string().min(1).max(128), problems: z.array(z.string().transform((text) => text.slice(0, 500))) });

const seenTools = z.object({ tools: z.array(toolSeenSchema).max(2000) });

const notTheProxy = (actor: Actor) => (actor.principal === systemActor.principal ? null : refused(403, "E_ROLE", "only the proxy itself may do this"));

/** What the proxy itself has to say; no route leads here. */
export const systemDeciders: Deciders = {
  "files.refuse": (_state, command, { actor }) => {
    const forbidden = notTheProxy(actor);
    if (forbidden) return forbidden;
    const asked = read(refusedFiles, command);
    if (!asked.ok) return asked;
    const { part, problems } = asked.data;
    return { ok: true, events: [{ kind: "files.refused", part, problems: problems.slice(0, 50) }], result: {} };
  },

  /** Two workers may see the same list at once: what the other has noted already is no event again. */
  "tools.see": (state, command, { actor }) => {
    const forbidden = notTheProxy(actor);
    if (forbidden) return forbidden;
    const asked = read(seenTools, command);
    if (!asked.ok) return asked;
    const events = asked.data.tools.filter(({ server, tool, hash, change, action }) => {
      const known = state.tools.get(server)?.get(tool);
      const wanted = change === "vanished" ? "vanished" : action === "pass" ? "usable" : action === "hold" ? "held" : "blocked";
      return known === undefined || known.hash !== hash || known.state !== wanted;
    });
    return { ok: true, events, result: {} };
  },
};
