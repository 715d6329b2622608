// `virtc setup`: its flags; the building is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import type { CommonFlags } from '../settings.js';
import { colorOption, progressOption, withExamples } from './options.js';

/** Adds the verb `setup`. */
export function addSetup(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('setup')
    .description('build the guest image, where it is not there already')
    .option('--force', 'build everything anew, with the newest packages')
    .addOption(progressOption())
    .addOption(colorOption())
    .option('--debug', 'print all that is known of an error')
    .action(async (_flags: unknown, command: Command) => {
      const { setup } = await import('../setup/setup.js');
      exitWith(await setup(command.optsWithGlobals<CommonFlags & { force?: boolean }>()));
    });
  withExamples(verb, 'virtc setup', 'virtc setup --force --progress plain');
}
