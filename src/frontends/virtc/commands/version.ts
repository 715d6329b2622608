// `virtc version`: prints the version and loads nothing else, unless all versions are asked for.
import type { Command } from 'commander';
import { version } from '../../../base/version.js';
import { isJson } from '../flag-values.js';
import type { ExitWith } from '../program.js';
import type { CommonFlags } from '../settings.js';
import { formatOption, withExamples } from './options.js';

/** Adds the verb `version`. */
export function addVersion(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('version')
    .description('print the version')
    .addOption(formatOption(', json also of Node, QEMU, the guest image and the agent protocol'))
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      if (isJson(flags.format)) {
        const [{ allVersions }, { runtimeOptionsOf }] = await Promise.all([
          import('../../../doctor/versions.js'),
          import('../settings.js'),
        ]);
        const versions = await allVersions(process.env, runtimeOptionsOf(flags));
        process.stdout.write(`${JSON.stringify(versions, null, 2)}\n`);
      } else {
        process.stdout.write(`virtc ${version}\n`);
      }
      exitWith(0);
    });
  withExamples(verb, 'virtc version', 'virtc version --format json');
}
