// `virtc setup`: its flags; the building is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';

/** Adds the verb `setup`. */
export function addSetup(program: Command, exitWith: ExitWith): void {
  program
    .command('setup')
    .description('build the guest image, where it is not there already')
    .option('--force', 'build everything anew, with the newest packages')
    .option('--debug', 'print all that is known of an error')
    .action(async (flags: { readonly force?: boolean; readonly debug?: boolean }) => {
      const { setup } = await import('../setup/setup.js');
      exitWith(await setup(flags));
    });
}
