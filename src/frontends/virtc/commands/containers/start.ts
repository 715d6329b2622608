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
    .argument('<container...>', 'their names')
    .option('-a, --attach', 'show its output, pass signals on, and end with its code: of one alone')
    .option('-i, --interactive', 'as -a, and pass standard input on')
    .option('--detach-keys <keys>', 'keys that leave a terminal (default ctrl-p,ctrl-q)');
  namesVerb(verb, exitWith, async () => (await import('../../containers/start.js')).start);
  withExamples(verb, 'virtc start web', 'virtc start -ai web');
}
