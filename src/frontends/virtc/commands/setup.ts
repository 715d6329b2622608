// `virtc setup`: makes the guest image.
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';

/** Adds the verb `setup`. */
export function addSetup(program: Command, exitWith: ExitWith): void {
  program
    .command('setup')
    .description('build the guest image, if it is not there already')
    .action(async () => {
      exitWith(0);
    });
}
