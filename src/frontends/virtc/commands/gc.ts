// `virtc gc`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';

/** Adds the verb `gc`. */
export function addGc(program: Command, exitWith: ExitWith): void {
  program
    .command('gc')
    .description('remove what dead owners of pods have left, and print what was removed')
    .option('--format <format>', 'text (default) or json')
    .addHelpText('after', '\nExit codes: 1 if something could not be removed, 125 if virtc failed.')
    .action(async (flags: { readonly format?: string }) => {
      const { gc } = await import('../gc/gc.js');
      const { createRuntime } = await import('../../../index.js');
      exitWith(await gc(flags, { runtime: createRuntime(), streams: process }));
    });
}
