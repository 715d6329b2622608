// `virtc start`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `start`. */
export function addStart(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('start')
    .description('start containers that were created or have ended')
    .argument('<container...>', 'their names');
  namesVerb(verb, exitWith, async () => (await import('../../containers/start.js')).start);
  withExamples(verb, 'virtc start web');
}
