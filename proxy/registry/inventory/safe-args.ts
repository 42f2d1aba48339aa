import { hasVariable, looksSecret, namesSecret, variableOf } from "./secret-shapes.ts";

/**
 * The arguments, each as it is where it is plainly no secret, and else as a variable that is named for its place. `known` is
 * the package that they are known to name.
 */
export function draftArgs(server: string, args: readonly string[], known?: string): string[] {
  const isPlain = (arg: string): boolean => isHarmless(arg) || (known !== undefined && isSpecOf(arg, known));
  return args.map((arg, i) => {
    const option = args[i - 1]?.startsWith("-") ? args[i - 1]! : "";
    const whole = variableOf(arg);
    if (whole !== undefined) return `\${env:${whole}}`;
    const [, name, value] = /^(-{0,2}[A-Za-z_][\w.-]*)=(.*)$/s.exec(arg) ?? [];
    if (name !== undefined && value !== undefined) {
      const plain = !namesSecret(name) && !isEnvironment(option) && isPlain(value);
      return plain ? arg : `${name}=\${env:${variableOf(value) ?? (isEnvironment(option) ? name : variableName(server, name))}}`;
    }
    return !namesSecret(option) && isPlain(arg) ? arg : `\${env:${variableName(server, option === "" ? `arg ${i + 1}` : option)}}`;
  });
}

const isEnvironment = (option: string): boolean => option === "-e" || option === "--env";

/** `name`, `name@1.2`, `registry/name:tag` and the like. */
function isSpecOf(arg: string, name: string): boolean {
  const same = (text: string): string => text.toLowerCase().replaceAll(/[-_.]+/g, "-");
  return /^[\w.@/:^~+=[\],-]{1,256}$/.test(arg) && same(arg.split(/(?<=.)[@=[]/)[0]!.replace(/:[\w.-]*$/, "")).endsWith(same(name));
}

/** An option, a number, a short word, a package, an image, a path or a URL without anything that could open a door. */
function isHarmless(arg: string): boolean {
  if (arg.length > 256 || hasVariable(arg) || !/^[\w.,:@/\\~^+ -]*$/.test(arg)) return false;
  if (/:\/\//.test(arg)) return /^(?:git\+)?https?:\/\/[\w.:-]+(?:\/[\w.~/-]*)?$/.test(arg) && !arg.split("/").some(looksSecret);
  // A word of letters and digits may be a password; a path, a file or a version has other marks as well.
  if (!/[/\\.:@]/.test(arg) && arg.split(/[-_ ]/).some((part) => part.length >= 6 && /\d/.test(part) && /[A-Za-z]/.test(part))) return false;
  return !arg.split(/[/\\]/).some((part) => looksSecret(part) || (part.length > 40 && !part.includes(" ")));
}

/** Whether any of the arguments may be a secret. */
export function hidesArgs(args: readonly string[], known?: string): boolean {
  return draftArgs("x", args, known).some((arg) => arg.includes("${env:"));
}

/** `GITHUB_AUTHORIZATION` for the server `github` and its header. */
export function variableName(server: string, what: string): string {
  const name = `${server}_${what}`.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_").replaceAll(/^_+|_+$/g, "");
  return (/^\d/.test(name) ? `MCP_${name}` : name).slice(0, 100);
}
