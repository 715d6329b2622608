// `virtc template rm`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import type { CommonFlags } from '../../settings.js';
import { formatOption, withExamples } from '../options.js';

/** Adds the verb `template rm`. */
export function addTemplateRm(group: Command, exitWith: ExitWith): void {
  const verb = group
    .command('rm')
    .description('remove templates; pods that were cloned from them go on')
    .argument('<id...>', 'whole ids, or their first digits')
    .addOption(formatOption())
    .addHelpText('after', '\nExit codes: 1 if something could not be removed, 125 if virtc failed.')
    .action(async (ids: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const [{ removeTemplates }, { templateContext }] = await Promise.all([
        import('../../template/remove.js'),
        import('../../template/context.js'),
      ]);
      exitWith(await removeTemplates(ids, flags, await templateContext(flags)));
    });
  withExamples(verb, 'virtc template rm 0123456789ab', 'virtc template rm $(virtc template ls -q)');
}
