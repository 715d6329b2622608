// `virtc doctor`: its flags; what it looks at is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';

/** Adds the verb `doctor`. */
export function addDoctor(program: Command, exitWith: ExitWith): void {
  program
    .command('doctor')
    .description(
      'look at everything that pods need on this host, and say how to get what is missing',
    )
    .option('--fix', 'run virtc setup where that helps, and look again')
    .option('--format <format>', 'text (default) or json')
    .addHelpText(
      'after',
      '\nExit codes: 1 if something that is needed is missing, 125 if virtc failed.',
    )
    .action(async (flags: { readonly fix?: boolean; readonly format?: string }) => {
      const { hostDoctor } = await import('../doctor/host-doctor.js');
      exitWith(await hostDoctor(flags));
    });
}
