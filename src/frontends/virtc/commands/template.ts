// `virtc template`: the verbs that look at the booted VMs which pods are cloned from.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import { withExamples } from './options.js';
import { addTemplateBuild } from './template/build.js';
import { addTemplateLs } from './template/ls.js';
import { addTemplatePrune } from './template/prune.js';
import { addTemplateRm } from './template/rm.js';

/** Adds the verb `template` with its own verbs. */
export function addTemplate(program: Command, exitWith: ExitWith): void {
  const group = program
    .command('template')
    .description('list, make and remove the booted VMs that pods are cloned from')
    .usage('COMMAND')
    .helpCommand(false)
    .addHelpText('after', about);
  for (const add of [addTemplateLs, addTemplateBuild, addTemplateRm, addTemplatePrune]) {
    add(group, exitWith);
  }
  withExamples(group, 'virtc template ls', 'virtc template build', 'virtc template prune');
}

const about = `
A template is made when the first pod needs it, and anew when the guest image, QEMU or the
configuration has changed, so none of these commands is ever needed. virtc run --no-template,
VIRTC_TEMPLATE=false or template = false in [pod] of the configuration file do without.
virtc help template COMMAND shows the help of one.`;
