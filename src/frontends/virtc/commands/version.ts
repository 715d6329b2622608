// `virtc version`: prints the version and loads nothing else, unless all versions are asked for.
import type { Command } from 'commander';
import { version } from '../../../base/version.js';
import { isJson } from '../flag-values.js';
import type { ExitWith } from '../main.js';

/** Adds the verb `version`. */
export function addVersion(program: Command, exitWith: ExitWith): void {
  program
    .command('version')
    .description('print the version')
    .option(
      '--format <format>',
      'text (default), or json: also of Node, QEMU, the guest image and the agent protocol',
    )
    .action(async (flags: { readonly format?: string }) => {
      if (isJson(flags.format)) {
        const { allVersions } = await import('../../../doctor/versions.js');
        process.stdout.write(`${JSON.stringify(await allVersions(process.env), null, 2)}\n`);
      } else {
        process.stdout.write(`virtc ${version}\n`);
      }
      exitWith(0);
    });
}
