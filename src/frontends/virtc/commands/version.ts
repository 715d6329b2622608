// `virtc version`: prints the version and loads nothing else.
import type { Command } from 'commander';
import { version } from '../../../base/version.js';
import type { ExitWith } from '../main.js';

/** Adds the verb `version`. */
export function addVersion(program: Command, exitWith: ExitWith): void {
  program
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`virtc ${version}\n`);
      exitWith(0);
    });
}
