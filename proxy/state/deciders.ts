import { peopleDeciders } from "../people/deciders.ts";
import { taskDeciders, type TaskSettings } from "../tasks/decide.ts";
import type { Deciders } from "./command.ts";
import { stopDeciders } from "./stops.ts";
import { systemDeciders } from "./system-deciders.ts";

/** Every command there is. */
export function createDeciders(settings: TaskSettings): Deciders {
  return { ...taskDeciders(settings), ...stopDeciders, ...peopleDeciders, ...systemDeciders };
}
