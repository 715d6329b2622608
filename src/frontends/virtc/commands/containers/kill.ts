// `virtc kill`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `kill`. */
export function addKill(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('kill')
    .description("send a signal to containers' first processes")
    .argument('<container...>', 'their names')
    .option('-s, --signal <name>', 'which one, by name or number (default SIGKILL)');
  namesVerb(verb, exitWith, async () => (await import('../../containers/kill.js')).kill);
  withExamples(verb, 'virtc kill web', 'virtc kill -s HUP web');
}
