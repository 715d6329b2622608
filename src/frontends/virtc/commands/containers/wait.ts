// `virtc wait`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `wait`. */
export function addWait(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('wait')
    .description('wait until containers have ended, and print their exit codes')
    .argument('<container...>', 'their names');
  namesVerb(verb, exitWith, async () => (await import('../../containers/wait.js')).wait);
  withExamples(verb, 'virtc wait web');
}
