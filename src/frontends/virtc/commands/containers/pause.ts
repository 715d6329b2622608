// `virtc pause` and `virtc unpause`: their flags; the library is loaded when one is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `pause`. */
export function addPause(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('pause')
    .description('have all processes of containers stand still')
    .argument('<container...>', 'their names');
  namesVerb(verb, exitWith, async () => (await import('../../containers/pause.js')).pause);
  withExamples(verb, 'virtc pause web');
}

/** Adds the verb `unpause`. */
export function addUnpause(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('unpause')
    .description('let paused containers go on')
    .argument('<container...>', 'their names');
  namesVerb(verb, exitWith, async () => (await import('../../containers/unpause.js')).unpause);
  withExamples(verb, 'virtc unpause web');
}
