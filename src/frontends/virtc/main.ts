// From arguments to an exit code: parses the command line, runs the verb, reports what failed.
import type { Command } from 'commander';
import { withPlainBooleans } from './boolean-flags.js';
import { toErrorEvent, toJsonLine } from './json-lines.js';
import { paintFor } from './paint.js';
import { createProgram } from './program.js';
import { describeError, exitCodeFor } from './report.js';
import type { CommonFlags } from './settings.js';
import { toUsageError, verbOf } from './usage-errors.js';

/** Runs `virtc` with the arguments after its name; resolves with the exit code and never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = createProgram((result) => {
    code = result;
  });
  const verb = verbOf(argv, program);
  let isParsed = false;
  try {
    const words = withPlainBooleans(withKnownHelp(argv, program), program);
    isParsed = true;
    await program.parseAsync(words, { from: 'user' });
    return code;
  } catch (error) {
    const failure = toUsageError(error, verb);
    if (failure === null) return 0;
    if (!isParsed) readFlags(argv, verb);
    const flags = (verb ?? program).optsWithGlobals<CommonFlags>();
    return await reportFailure(failure, flags, exitCodeFor(failure, rootVerb(verb)));
  }
}

/**
 * Nothing means help, and so does a verb that has only verbs of its own; and commander answers `help bogus` with all its help, as
 * if nothing were wrong.
 */
function withKnownHelp(argv: readonly string[], program: Command): readonly string[] {
  const [verb, asked, inner] = argv;
  if (verb === undefined) return ['help'];
  if (asked === undefined && isGroup(findVerb(program, verb))) return [verb, '--help'];
  if (verb !== 'help' || asked === undefined) return argv;
  const found = findVerb(program, asked);
  if (found === undefined) return [asked];
  if (inner === undefined || !isGroup(found)) return argv;
  return findVerb(found, inner) === undefined ? [asked, inner] : [asked, inner, '--help'];
}

function findVerb(command: Command, name: string): Command | undefined {
  return command.commands.find((candidate) => candidate.name() === name);
}

function isGroup(verb: Command | undefined): boolean {
  return verb !== undefined && verb.commands.length > 0;
}

/** The word after `virtc` that led to a verb. */
function rootVerb(verb: Command | undefined): string | undefined {
  return verb?.parent?.parent ? rootVerb(verb.parent) : verb?.name();
}

/** Reads the verb's flags up to the first that cannot be read: the one that was refused before any was. */
function readFlags(argv: readonly string[], verb: Command | undefined): void {
  try {
    verb?.parseOptions(argv.slice(argv.indexOf(verb.name()) + 1));
  } catch {
    // What was refused is told, not this.
  }
}

/** Tells a failure in the form that the flags which could be read ask for. */
async function reportFailure(error: unknown, flags: CommonFlags, code: number): Promise<number> {
  if (flags.format === 'json') {
    process.stderr.write(toJsonLine(toErrorEvent(error, code)));
    return code;
  }
  const { colorForErrors } = await import('./settings.js');
  const color = await colorForErrors(flags, process.env);
  const debug = flags.debug === true || process.env['VIRTC_LOG'] === 'debug';
  process.stderr.write(
    describeError(error, { debug, paint: paintFor(color, process.stderr, process.env) }),
  );
  return code;
}
