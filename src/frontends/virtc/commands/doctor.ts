// `virtc doctor`: its flags; what it looks at is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import type { CommonFlags } from '../settings.js';
import { colorOption, formatOption, progressOption, withExamples } from './options.js';

/** Adds the verb `doctor`. */
export function addDoctor(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('doctor')
    .description(
      'look at everything that pods need on this host, and say how to get what is missing',
    )
    .option('--fix', 'run virtc setup where that helps, and look again')
    .addOption(formatOption())
    .addOption(progressOption())
    .addOption(colorOption())
    .addHelpText(
      'after',
      '\nExit codes: 1 if something that is needed is missing, 125 if virtc failed.',
    )
    .action(async (_flags: unknown, command: Command) => {
      const { hostDoctor } = await import('../doctor/host-doctor.js');
      exitWith(await hostDoctor(command.optsWithGlobals<CommonFlags & { fix?: boolean }>()));
    });
  withExamples(verb, 'virtc doctor', 'virtc doctor --fix', 'virtc doctor --format json | jq .ok');
}
