import { objectOf, type EraBridge, type Step } from "../../era/bridge/step.ts";
import type { Clock } from "../../../collector/kernel/clock.ts";
import { parseMessage, toJson } from "../../transport/envelope.ts";
import { NO_COMMON_ERA } from "../../transport/rpc-error.ts";
import type { CallHeaders } from "./child.ts";
import type { Between } from "./launcher.ts";

/** How often a bridge may look whether something has been waited for too long. */
const TICK_MS = 500;

/** A child that is spoken to in one era and speaks the other. */
export function between(createBridge: () => EraBridge, clock: Clock): Between {
  return (open, onMessage) => {
    const bridge = createBridge();
    const child = open((message) => void perform(bridge.fromServer(message, clock.nowMs())));
    const ticking = setInterval(() => perform(bridge.tick(clock.nowMs())), TICK_MS).unref();
    void child.exited.then(() => clearInterval(ticking));

    function perform({ toServer, toClient, tickInMs }: Step, headers?: CallHeaders): boolean {
      let sent = true;
      // A little later than asked: a clock that counts milliseconds may be one behind the timer.
      if (tickInMs !== undefined) setTimeout(() => perform(bridge.tick(clock.nowMs())), tickInMs + 2).unref();
      for (const message of toServer) sent = child.send(toJson(message, false), headers) && sent;
      for (const { message, about } of toClient) {
        onMessage(message, about);
        // There is nothing that this connection could still be for; the next one may find another server.
        if (objectOf(message.error).code === NO_COMMON_ERA) void child.stop();
      }
      return sent;
    }

    return {
      exited: child.exited,
      started: child.started,
      send(text, headers) {
        const parsed = parseMessage(Buffer.from(text));
        return parsed.ok && perform(bridge.fromClient(parsed.message.body, clock.nowMs()), headers);
      },
      stop: () => child.stop(),
    };
  };
}
