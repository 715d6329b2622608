// `virtc logs`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { LogsFlags } from '../../containers/logs.js';
import type { ExitWith } from '../../program.js';
import { withExamples, wordOption } from '../options.js';

/** Adds the verb `logs`. */
export function addLogs(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('logs')
    .description('show what a container has printed')
    .argument('<container>', 'its name')
    .option('-f, --follow', 'go on with what comes, until it has ended')
    .option(
      '--since <time>',
      'only from then on: 2026-11-28T22:00:00Z, 10m (ago), seconds since 1970',
    )
    .option('--until <time>', 'only what came before')
    .option('-n, --tail <number>', 'only the last so many lines (default all)')
    .option('-t, --timestamps', 'show the time before each line')
    .addOption(
      wordOption(
        '--source <names>',
        'stdout, stderr (default both), or of its pod: console, shim',
        ['stdout', 'stderr', 'console', 'shim'],
      ),
    )
    .option('--debug', 'print log lines, and all that is known of an error')
    .addHelpText('after', about)
    .action(async (name: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<LogsFlags>();
      const [{ logs }, { verbContext }] = await Promise.all([
        import('../../containers/logs.js'),
        import('../../containers/context.js'),
      ]);
      const { runtime } = verbContext(flags);
      const { stdout, stderr } = process;
      exitWith(await logs(name, flags, { runtime, stdout, stderr }));
    });
  withExamples(
    verb,
    'virtc logs -f web',
    'virtc logs --since 10m --source stderr web',
    'virtc logs --source console web',
  );
}

const about = `
What the container wrote to its standard error goes to ours. Logs stay until the container is removed, also
when it has ended or its owner has died; of each the last 32 MiB are kept.`;
