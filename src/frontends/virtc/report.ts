// What a failure looks like on standard error, and the exit code it gives.
import { isVirtcontainersError, reasonOf, type VirtcontainersError } from '../../base/errors.js';
import { printableTail } from '../../base/untrusted-text.js';
import { type Paint, plain } from './paint.js';

/** Exit codes that are not the command's own, as docker has them. */
export const exitCodes = {
  /** Of gc and doctor: they did their work and something is not well; of what docker has too: it could not be done. */
  found: 1,
  timedOut: 124,
  virtcFailed: 125,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

/** Verbs that end with 1 where they fail, as docker's do; with 125 for a mistake in the command line, as all. */
const failingWithOne = new Set(
  'attach events exec inspect kill logs pause pod ps rm start stats stop top unpause wait'.split(
    ' ',
  ),
);

/** The exit code for a command that did not come to run. @param verb the first word of the command line */
export function exitCodeFor(error: unknown, verb?: string): number {
  const known = isVirtcontainersError(error);
  const reason = known ? error.details['reason'] : undefined;
  const isMistake = known && error.code === 'invalid-argument' && reason !== 'ambiguous-name';
  const runsCommand = verb === undefined || ['run', 'create', 'exec'].includes(verb);
  if (!runsCommand || (verb === 'exec' && !String(reason).startsWith('command-'))) {
    return failingWithOne.has(verb) && !isMistake ? exitCodes.found : exitCodes.virtcFailed;
  }
  if (reason === 'command-not-found') return exitCodes.notFound;
  if (reason === 'command-not-executable') return exitCodes.notExecutable;
  return exitCodes.virtcFailed;
}

/** An error as text for a person, control characters escaped, with a newline at its end. */
export function describeError(
  error: unknown,
  options: { readonly debug: boolean; readonly paint?: Paint },
): string {
  const { paint = plain } = options;
  const lines = [`virtc: ${reasonOf(error)}`];
  if (isVirtcontainersError(error)) {
    if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
    lines.push(...failedCleanups(error), ...consoleTail(error));
  }
  if (options.debug) lines.push(...everythingElse(error));
  // All of it: what comes from elsewhere is bounded where it comes in.
  const text = printableTail(lines.join('\n'), Number.POSITIVE_INFINITY);
  const colored = text
    .replace(/^virtc:/, (word) => paint('red', word))
    .replace(/^hint:/m, (word) => paint('yellow', word));
  return `${colored}\n`;
}

/** What the VM said last, where it died. */
function consoleTail(error: VirtcontainersError): string[] {
  const titles = [
    ['consoleTail', "the console's last lines:"],
    ['stderrTail', "QEMU's last lines:"],
  ] as const;
  return titles.flatMap(([key, title]) => {
    const tail = error.details[key];
    if (typeof tail !== 'string' || tail.trim() === '') return [];
    return [title, ...tail.trimEnd().split(/\r?\n/).map(indent)];
  });
}

function failedCleanups(error: VirtcontainersError): string[] {
  const failed = error.details['failedCleanups'];
  if (!Array.isArray(failed) || failed.length === 0) return [];
  return ['not cleaned up:', ...failed.map((entry) => indent(String(entry)))];
}

/** For --debug: the chain of causes, the details and where it was thrown. */
function everythingElse(error: unknown): string[] {
  const lines: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < 10; depth += 1) {
    lines.push(`caused by: ${reasonOf(cause)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  if (isVirtcontainersError(error)) {
    lines.push(`code: ${error.code}`);
    for (const [key, value] of Object.entries(error.details)) {
      if (!['consoleTail', 'stderrTail', 'failedCleanups'].includes(key)) {
        lines.push(`${key}: ${toText(value)}`);
      }
    }
  }
  if (error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return lines;
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function indent(line: string): string {
  return `  ${line}`;
}
