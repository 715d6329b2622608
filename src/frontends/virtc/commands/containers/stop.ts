// `virtc stop`: its flags; the library is loaded when it is called.
import { type Command, Option } from 'commander';
import type { ExitWith } from '../../program.js';
import { withExamples } from '../options.js';
import { namesVerb } from './names-verb.js';

/** Adds the verb `stop`. */
export function addStop(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('stop')
    .description('stop containers: their stop signal, a grace, then SIGKILL')
    .argument('<container...>', 'their names')
    .option('-s, --signal <name>', 'signal to begin with (default SIGTERM)')
    .option('-t, --timeout <seconds>', 'grace, -1 for no end (default 10, or the configuration)')
    .addOption(new Option('--time <seconds>').hideHelp());
  namesVerb(verb, exitWith, async () => (await import('../../containers/stop.js')).stop);
  withExamples(verb, 'virtc stop web', 'virtc stop -t 2 $(virtc ps -q)');
}
