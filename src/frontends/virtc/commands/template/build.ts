// `virtc template build`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import { accelerators } from '../../../../model/defaults.js';
import type { ExitWith } from '../../program.js';
import type { BuildFlags } from '../../template/build.js';
import { colorOption, formatOption, progressOption, withExamples, wordOption } from '../options.js';

/** Adds the verb `template build`. */
export function addTemplateBuild(group: Command, exitWith: ExitWith): void {
  const verb = group
    .command('build')
    .description('make the template that pods are cloned from, where it is not there already')
    .option('--rebuild', 'make it anew in any case')
    .addOption(wordOption('--hypervisor <kind>', 'as of run', accelerators))
    .addOption(progressOption())
    .addOption(colorOption())
    .addOption(formatOption())
    .option('--debug', 'print log lines, and all that is known of an error')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<BuildFlags>();
      const [{ buildTemplate }, { templateContext }] = await Promise.all([
        import('../../template/build.js'),
        import('../../template/context.js'),
      ]);
      const context = await templateContext(flags);
      exitWith(await buildTemplate(flags, { ...context, signals: process }));
    });
  withExamples(verb, 'virtc template build', 'virtc template build --rebuild --progress plain');
}
