// `virtc template ls`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import { accelerators } from '../../../../model/defaults.js';
import type { ExitWith } from '../../program.js';
import type { ListFlags } from '../../template/list.js';
import { formatOption, negatedOptions, withExamples, wordOption } from '../options.js';

/** Adds the verb `template ls`. */
export function addTemplateLs(group: Command, exitWith: ExitWith): void {
  const [trunc, noTrunc] = negatedOptions('--no-trunc', 'show whole ids, and what is damaged');
  const verb = group
    .command('ls')
    .description('list the templates, the newest first')
    .option('-q, --quiet', 'show ids alone')
    .addOption(trunc)
    .addOption(noTrunc)
    .addOption(
      wordOption('--hypervisor <kind>', 'as of run: decides which is current', accelerators),
    )
    .addOption(formatOption())
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      const [{ listTemplates }, { templateContext }] = await Promise.all([
        import('../../template/list.js'),
        import('../../template/context.js'),
      ]);
      exitWith(await listTemplates(flags, await templateContext(flags)));
    });
  withExamples(verb, 'virtc template ls', "virtc template ls --format json | jq '.[].sizeBytes'");
}
