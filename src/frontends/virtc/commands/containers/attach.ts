// `virtc attach`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { AttachFlags } from '../../containers/attach.js';
import type { ExitWith } from '../../program.js';
import { colorOption, negatedOptions, withExamples } from '../options.js';

/** Adds the verb `attach`. */
export function addAttach(program: Command, exitWith: ExitWith): void {
  const [stdin, noStdin] = negatedOptions('--no-stdin', 'pass no input on');
  const verb = program
    .command('attach')
    .description("connect to a running container's input, output and terminal")
    .argument('<container>', 'its name')
    .addOption(stdin)
    .addOption(noStdin)
    .option('--sig-proxy', 'pass signals on (the default; --sig-proxy=false: they end virtc alone)')
    .option('--detach-keys <keys>', 'keys that leave a terminal (default ctrl-p,ctrl-q)')
    .addOption(colorOption())
    .option('--debug', 'print log lines, and all that is known of an error')
    .addHelpText('after', about)
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<AttachFlags>();
      const [{ attach }, { verbContext }, { sessionContext }] = await Promise.all([
        import('../../containers/attach.js'),
        import('../../containers/context.js'),
        import('../../session/context.js'),
      ]);
      exitWith(await attach(name, flags, { ...verbContext(flags), ...sessionContext() }));
    });
  withExamples(verb, 'virtc attach web', 'virtc attach --no-stdin --sig-proxy=false web');
}

const about = `
What it printed before is in virtc logs. Exit codes: the container's own; 0 where it was left with the detach keys.`;
