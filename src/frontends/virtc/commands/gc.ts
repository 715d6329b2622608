// `virtc gc`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import type { CommonFlags } from '../settings.js';
import { formatOption, withExamples } from './options.js';

/** Adds the verb `gc`. */
export function addGc(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('gc')
    .description('remove what dead owners of pods have left, and print what was removed')
    .addOption(formatOption())
    .addHelpText('after', '\nExit codes: 1 if something could not be removed, 125 if virtc failed.')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const [{ gc }, { createRuntime }, { runtimeOptionsOf }] = await Promise.all([
        import('../gc/gc.js'),
        import('../../../index.js'),
        import('../settings.js'),
      ]);
      const runtime = createRuntime(runtimeOptionsOf(flags));
      exitWith(await gc(flags, { runtime, streams: process }));
    });
  withExamples(verb, 'virtc gc', 'virtc gc --format json | jq .removed');
}
