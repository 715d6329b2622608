// `virtc create`: its flags and help; what it does is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import type { RunFlags } from '../run/run-request.js';
import type { CommonFlags } from '../settings.js';
import { addContainerOptions } from './container-options.js';
import { colorOption, formatOption, progressOption, withExamples } from './options.js';

/** Adds the verb `create`. */
export function addCreate(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('create')
    .description('make a container that virtc start runs, and print its name');
  addContainerOptions(verb)
    .addOption(progressOption())
    .addOption(colorOption())
    .addOption(formatOption('; json makes standard error JSON lines, as of run'))
    .option('--debug', 'print log lines and timings, and all that is known of an error')
    .action(async (words: readonly string[], _flags: unknown, command: Command) => {
      const { create } = await import('../run/run.js');
      exitWith(await create(words, command.optsWithGlobals<RunFlags & CommonFlags>()));
    });
  withExamples(
    verb,
    'virtc create --rootfs /srv/debian --name job -- ./job',
    'virtc create --rootfs /srv/debian --pod web --name log -- ./collect-logs',
  );
}
