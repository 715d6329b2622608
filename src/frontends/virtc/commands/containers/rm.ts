// `virtc rm`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `rm`. */
export function addRm(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('rm')
    .description('remove containers, with the VM of one that has it for itself')
    .argument('<container...>', 'their names')
    .option('-f, --force', 'also where they run; one that is not there is told and is no failure')
    .option('-v, --volumes', 'changes nothing: there are no volumes but directories of the host');
  namesVerb(verb, exitWith, async () => (await import('../../containers/rm.js')).rm);
  withExamples(verb, 'virtc rm web', 'virtc rm -f $(virtc ps -aq)');
}
