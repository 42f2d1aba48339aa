import type { Deciders } from "../state/command.ts";
import { approvalDeciders } from "./approval-deciders.ts";
import { exceptionDeciders } from "./exceptions.ts";
import { quarantineDeciders } from "./quarantine.ts";

export const peopleDeciders: Deciders = { ...approvalDeciders, ...exceptionDeciders, ...quarantineDeciders };
