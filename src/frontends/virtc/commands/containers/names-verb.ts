// A verb that does one thing to each of several containers.
import type { Command } from 'commander';
import type { VerbContext } from '../../containers/context.js';
import type { ExitWith } from '../../program.js';
import type { CommonFlags } from '../../settings.js';
import { formatOption } from '../options.js';

/** What does the work; loaded when the verb is called. */
export type NamesWork = (
  names: readonly string[],
  flags: CommonFlags,
  context: VerbContext,
) => Promise<number>;

/** Gives a verb its names, the flags that all such verbs have, and its work. */
export function namesVerb(
  verb: Command,
  exitWith: ExitWith,
  load: () => Promise<NamesWork>,
): Command {
  return verb
    .addOption(formatOption())
    .option('--debug', 'print log lines, and all that is known of an error')
    .addHelpText('after', nameHelp)
    .action(async (names: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const [work, { verbContext }] = await Promise.all([
        load(),
        import('../../containers/context.js'),
      ]);
      exitWith(await work(names, flags, verbContext(flags)));
    });
}

const nameHelp = `
A name may be cut, where it is the beginning of only one.
Exit codes: 1 if it could not be done to one of them, which is told; 125 for a mistake in the command line.`;
