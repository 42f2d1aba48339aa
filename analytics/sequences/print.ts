import { columns } from "../../collector/kernel/columns.ts";
import { showable } from "../../collector/sql/terminal.ts";
import type { Following, ModelAnswer, ScoredCall } from "./read.ts";
import { callWords, contextWords } from "./words.ts";

const MAX_CELL = 80;

/** The stored model for a terminal: its versions, what the newest knows, and a class's transitions where one was asked for. */
export function modelLines({ versions, classes, taskClass, frequent, rarest }: ModelAnswer): string[] {
  if (versions.length === 0) return ["No sequence model is stored: the job sequence-model makes one every hour, once there are calls of tools."];
  const [newest] = versions;
  if (taskClass !== "") return [`Sequence model ${newest!.version}, class ${showable(taskClass)}`, ...following("Most frequent", frequent), ...following("Rarest", rarest)];
  return [
    ...table("Versions", ["version", "learnt from", "to", "tasks", "classes", "transitions", "left out"], versions.map((v) => [v.version, time(v.learntFrom), time(v.learntTo), String(v.tasks), String(v.taskClasses), String(v.transitions), v.leftOut.join(", ") || "-"])),
    ...table(`Classes of ${newest!.version}`, ["class", "tasks", "calls", "different", "contexts"], classes.map((c) => [c.class, String(c.tasks), String(c.calls), String(c.differentCalls), String(c.contexts)])),
  ];
}

const following = (title: string, rows: readonly Following[]): string[] =>
  table(title, ["share", "seen", "of", "then", "context"], rows.map((r) => [`${((100 * r.seen) / r.of).toFixed(1)} %`, String(r.seen), String(r.of), callWords(r.next), contextWords(r.context)]));

/** A task's calls, each with its bits of surprise and the transition that these come from. */
export function taskLines(taskId: string, calls: readonly ScoredCall[]): string[] {
  const last = calls.at(-1);
  if (last === undefined) return [showable(`No call of task ${taskId} is scored: a call is when the job unusual-sequences looks at its five minutes, by a model of enough tasks.`)];
  const cells = calls.map((c) => [
    c.at.slice(0, 19).replace("T", " "),
    c.callId,
    callWords(c.next),
    c.bits.toFixed(1),
    c.afterUntrustedBits === 0 ? "" : c.afterUntrustedBits.toFixed(1),
    c.argumentBits === 0 ? "" : c.argumentBits.toFixed(1),
    c.taskScore.toFixed(1),
    c.modelVersion,
    `${contextWords(c.context)}: ${c.seen} of ${c.seenContext} cases`,
  ]);
  return [
    showable(`Task ${taskId}, ${last.class}, agent ${last.agent}: ${calls.length} calls, score ${last.taskScore.toFixed(1)}`),
    ...table("Calls", ["time", "call", "what", "bits", "after untrusted", "arguments", "task so far", "model", "how usual"], cells),
  ];
}

function table(title: string, heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return ["", `${title}: none`];
  const cells = [heading, ...rows].map((row) => row.map((cell, i) => fit(showable(cell.replaceAll("\t", " ")), i === row.length - 1)));
  return ["", `${title}:`, ...columns(cells).map((line) => `  ${line}`)];
}

const fit = (cell: string, last: boolean): string => (cell.length > MAX_CELL && !last ? `${cell.slice(0, MAX_CELL - 3)}...` : cell.slice(0, 300));
const time = (iso: string): string => iso.slice(0, 16).replace("T", " ");
