// `virtc template prune`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import { accelerators } from '../../../../model/defaults.js';
import type { ExitWith } from '../../program.js';
import type { PruneFlags } from '../../template/prune.js';
import { formatOption, withExamples, wordOption } from '../options.js';

/** Adds the verb `template prune`. */
export function addTemplatePrune(group: Command, exitWith: ExitWith): void {
  const verb = group
    .command('prune')
    .description('remove templates that have not been used for long, and those beyond a size')
    .option('-a, --all', 'remove all, the current one too')
    .option('--unused-for <duration>', 'how long no pod was cloned from it (default 720h)')
    .option('--max-size <size>', 'what the rest may take together (default 4g)')
    .option('-f, --force', 'changes nothing: it never asks, templates are made again by themselves')
    .addOption(
      wordOption('--hypervisor <kind>', 'as of run: decides which is current', accelerators),
    )
    .addOption(formatOption())
    .addHelpText('after', '\nExit codes: 1 if something could not be removed, 125 if virtc failed.')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PruneFlags>();
      const [{ pruneTemplates }, { templateContext }] = await Promise.all([
        import('../../template/prune.js'),
        import('../../template/context.js'),
      ]);
      exitWith(await pruneTemplates(flags, await templateContext(flags)));
    });
  withExamples(
    verb,
    'virtc template prune',
    'virtc template prune --unused-for 24h --max-size 1g',
    'virtc template prune --all',
  );
}
