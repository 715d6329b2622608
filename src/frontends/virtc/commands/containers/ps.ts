// `virtc ps`: its flags; what reads the records is loaded when it is called.
import type { Command } from 'commander';
import type { PsFlags } from '../../containers/ps.js';
import type { ExitWith } from '../../program.js';
import { collect, listFormatOption, negatedOptions, withExamples } from '../options.js';

/** Adds the verb `ps`. */
export function addPs(program: Command, exitWith: ExitWith): void {
  const [trunc, noTrunc] = negatedOptions('--no-trunc', 'show whole ids and commands');
  const verb = program
    .command('ps')
    .description('list containers')
    .option('-a, --all', 'also those that do not run')
    .option('-f, --filter <name=value>', 'show only those that match (repeatable)', collect)
    .option('-n, --last <number>', 'show the newest so many, in any state')
    .option('-l, --latest', 'show the newest one, in any state')
    .option('-q, --quiet', 'show ids alone')
    .option('-p, --pod', 'show the pod that each one is in')
    .addOption(trunc)
    .addOption(noTrunc)
    .addOption(listFormatOption())
    .addHelpText('after', about)
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PsFlags>();
      const [{ ps }, { listContext }] = await Promise.all([
        import('../../containers/ps.js'),
        import('../../containers/list-context.js'),
      ]);
      exitWith(await ps(flags, listContext(flags)));
    });
  withExamples(
    verb,
    'virtc ps -a',
    'virtc ps -q --filter label=app=web',
    "virtc ps -a --format '{{.ID}}: {{.Status}}'",
  );
}

const about = `
Filters: id, name (a regular expression), label, status (created, running, paused, exited, dead), exited
(a code), pod, ancestor (a root directory), before, since. A dead one's owner has ended, and its VM with it.
A template can name .ID, .Names, .Image (the root directory), .Command, .CreatedAt, .RunningFor, .State,
.Status, .Labels, .Pod, and {{.Label "NAME"}}.`;
