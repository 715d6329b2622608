// `virtc top`, `virtc stats` and `virtc events`: their flags; the library is loaded when one is called.
import type { Command } from 'commander';
import type { EventsFlags } from '../../containers/events.js';
import type { StatsFlags } from '../../containers/stats.js';
import type { ExitWith } from '../../program.js';
import type { CommonFlags } from '../../settings.js';
import {
  collect,
  formatOption,
  listFormatOption,
  negatedOptions,
  withExamples,
  wordOption,
} from '../options.js';

/** Adds the verb `top`. */
export function addTop(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('top')
    .description('list what runs in a container')
    .argument('<container>', 'its name')
    .addOption(formatOption())
    .addHelpText('after', '\nThe numbers are those of its VM, not those that the container sees.')
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const [{ top }, { verbContext }] = await Promise.all([
        import('../../containers/top.js'),
        import('../../containers/context.js'),
      ]);
      exitWith(await top(name, flags, verbContext(flags)));
    });
  withExamples(verb, 'virtc top web');
}

/** Adds the verb `stats`. */
export function addStats(program: Command, exitWith: ExitWith): void {
  const [stream, noStream] = negatedOptions('--no-stream', 'show the numbers once');
  const [trunc, noTrunc] = negatedOptions('--no-trunc', 'show whole ids');
  const verb = program
    .command('stats')
    .description('show what containers use, every second')
    .argument('[container...]', 'their names; without any all that run')
    .option('-a, --all', 'also those that do not run')
    .addOption(stream)
    .addOption(noStream)
    .addOption(trunc)
    .addOption(noTrunc)
    .addOption(listFormatOption())
    .addHelpText('after', statsHelp)
    .action(async (names: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<StatsFlags>();
      const [{ stats }, { verbContext }, { untilSignalled }] = await Promise.all([
        import('../../containers/stats.js'),
        import('../../containers/context.js'),
        import('../../session/until-signalled.js'),
      ]);
      const isTerminal = process.stdout.isTTY === true;
      exitWith(
        await untilSignalled((signal) =>
          stats(names, flags, { ...verbContext(flags), signal, isTerminal }),
        ),
      );
    });
  withExamples(verb, 'virtc stats', "virtc stats --no-stream --format '{{.Name}} {{.MemUsage}}'");
}

const statsHelp = `
A limit that a container has not is the memory of its VM. There are no networks yet, so NET I/O is 0.`;

/** Adds the verb `events`. */
export function addEvents(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('events')
    .description('tell what happens to pods and containers, as it happens')
    .option('-f, --filter <name=value>', 'tell only what matches (repeatable)', collect)
    .option('--until <time>', 'end then: a time')
    .addOption(
      wordOption('--format <format>', 'json: an object a line; or a template', ['text', 'json']),
    )
    .addHelpText(
      'after',
      '\nFilters: type (container, pod), event (start, die, …), container, pod.',
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<EventsFlags>();
      const [{ events }, { verbContext }, { untilSignalled }] = await Promise.all([
        import('../../containers/events.js'),
        import('../../containers/context.js'),
        import('../../session/until-signalled.js'),
      ]);
      exitWith(await untilSignalled((signal) => events(flags, { ...verbContext(flags), signal })));
    });
  withExamples(verb, 'virtc events --filter event=die', 'virtc events --format json');
}
