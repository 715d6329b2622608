// `virtc run`: its flags and help; what it does is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../program.js';
import type { RunFlags } from '../run/run-request.js';
import type { CommonFlags } from '../settings.js';
import { addContainerOptions } from './container-options.js';
import { colorOption, formatOption, progressOption, withExamples } from './options.js';

/** Adds the verb `run`. */
export function addRun(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('run')
    .description('run a command in a container in a VM of its own')
    .option('-d, --detach', 'let it run in the background, and print its name')
    .option('--timeout <duration>', 'end the command after, for example, 30s; exit code 124')
    .option('--rm', 'changes nothing: what has run in the foreground is always removed');
  addContainerOptions(verb)
    .option('--dry-run', 'print what would be done, and do nothing')
    .addOption(progressOption())
    .addOption(colorOption())
    .addOption(formatOption('; json is described below'))
    .option(
      '--trace [file.json]',
      'show where the time went, and write it for Perfetto (default virtc-trace.json)',
    )
    .option('--debug', 'print log lines and timings, and all that is known of an error')
    .addHelpText('after', jsonHelp)
    .action(async (words: readonly string[], _flags: unknown, command: Command) => {
      const { run } = await import('../run/run.js');
      const flags = command.optsWithGlobals<RunFlags & CommonFlags>();
      const { trace } = flags;
      if (trace === undefined) return exitWith(await run(words, flags));
      const [{ traceRun }, { traceSurroundings }] = await Promise.all([
        import('../trace/trace-run.js'),
        import('../trace/surroundings.js'),
      ]);
      exitWith(await traceRun(trace, () => run(words, flags), await traceSurroundings(flags)));
    });
  withExamples(verb, ...examples);
}

const examples = [
  'virtc run --rootfs /srv/debian -- uname -r',
  'virtc run --rootfs /srv/debian -it -- bash',
  'virtc run --rootfs /srv/debian -d --name web -- ./server',
  'virtc run --rootfs /srv/debian -i -m 1g -v "$PWD:/work:ro" -w /work -- python3 - < job.py',
  'virtc run --rootfs /srv/debian --init -m 1g --dry-run -- ./job',
  'virtc run --rootfs /srv/debian --read-only --tmpfs /tmp --cap-drop ALL --timeout 30s -- ./job',
];

const jsonHelp = `
With --format json standard error holds one JSON object a line and nothing else. Their "event" is
progress, warning, started, log, timeout, stderr (what the command wrote there, as text or base64), and
at the end result (exitCode, exit, timedOut, timings) or error (code, message, hint, details);
what --trace says follows as trace.
Standard output is the command's own in any case; of --dry-run it is the plan, as text or JSON.`;
