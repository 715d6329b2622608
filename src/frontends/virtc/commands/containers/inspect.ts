// `virtc inspect`: its flags; what reads the records is loaded when it is called.
import type { Command } from 'commander';
import type { InspectFlags } from '../../containers/inspect.js';
import type { ExitWith } from '../../program.js';
import { withExamples, wordOption } from '../options.js';

/** Adds the verb `inspect`. */
export function addInspect(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('inspect')
    .description('show all that is known of containers and pods, as a JSON array')
    .argument('<name...>', 'of containers or pods')
    .option('-f, --format <format>', "json (default), or a template such as '{{.State.Status}}'")
    .addOption(wordOption('--type <type>', 'look only for those', ['container', 'pod']))
    .addHelpText(
      'after',
      '\nExit codes: 1 if one is not there, 125 for a mistake in the command line.',
    )
    .action(async (names: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<InspectFlags>();
      const [{ inspect }, { listContext }] = await Promise.all([
        import('../../containers/inspect.js'),
        import('../../containers/list-context.js'),
      ]);
      exitWith(await inspect(names, flags, listContext(flags)));
    });
  withExamples(verb, 'virtc inspect web', "virtc inspect -f '{{.State.ExitCode}}' web");
}
