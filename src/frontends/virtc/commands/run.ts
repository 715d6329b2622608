// `virtc run`: its flags and help; what it does is loaded when it is called.
import type { Command } from 'commander';
import { accelerators, writePlaces } from '../../../model/defaults.js';
import type { ExitWith } from '../program.js';
import type { RunFlags } from '../run/run-request.js';
import type { CommonFlags } from '../settings.js';
import {
  colorOption,
  formatOption,
  negatedOptions,
  progressOption,
  withExamples,
  wordOption,
} from './options.js';

/** Adds the verb `run`. */
export function addRun(program: Command, exitWith: ExitWith): void {
  const [template, noTemplate] = negatedOptions(
    '--no-template',
    'boot the VM instead of cloning one that has booted before',
  );
  const verb = program
    .command('run')
    .description('run a command in a container in a VM of its own')
    .usage('[options] --rootfs DIR [--] CMD [ARG...]')
    .argument('[command...]', 'what to run, and its arguments')
    .passThroughOptions()
    // docker's -h is the hostname.
    .helpOption('--help', 'show this help')
    .option('--rootfs <dir>', 'directory that becomes the root')
    .addOption(
      wordOption(
        '--writes <where>',
        'where writes to the root go (default discard: memory; host: they change it)',
        writePlaces,
      ),
    )
    .option('--read-only', 'the root cannot be written to at all')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', 'set a variable, or pass NAME on (repeatable)', collect)
    .option('--env-file <file>', 'read variables from a file, one a line (repeatable)', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .option('-u, --user <user[:group]>', 'names or numbers of the container')
    .option(
      '-v, --volume <src:dst[:ro]>',
      'bind a host directory or file into the container (repeatable)',
      collect,
    )
    .option(
      '--tmpfs <path[:options]>',
      'mount memory in the container, for example /run:size=64m,mode=755 (repeatable)',
      collect,
    )
    .option('-m, --memory <size>', 'memory limit, for example 512m or 1GiB')
    .option('--cpus <number>', 'processor limit, for example 1.5')
    .option('--pids-limit <number>', 'most processes and threads, -1 for no limit (default 4096)')
    .option(
      '--ulimit <name=soft[:hard]>',
      'resource limit, for example nofile=1024:2048; -1 for none (repeatable)',
      collect,
    )
    .option('--timeout <duration>', 'end the command after, for example, 30s; exit code 124')
    .option('--cap-add <name>', 'add a capability, for example NET_ADMIN, or ALL', collect)
    .option('--cap-drop <name>', 'drop a capability, or ALL (both repeatable)', collect)
    .option('--name <name>', 'name of the container and its pod')
    .option('-h, --hostname <name>', 'host name in the container (default: its name)')
    .option('-l, --label <name=value>', 'label of the container and its pod (repeatable)', collect)
    .option('--entrypoint <program>', 'program to run, with CMD as its arguments')
    .option('--init', 'an init as PID 1 forwards signals to the command and reaps processes')
    .option('--network <mode>', 'none, which is all there is')
    .option('--rm', 'changes nothing: what has run is always removed')
    .addOption(
      wordOption('--hypervisor <kind>', 'what executes the VM (default auto)', accelerators),
    )
    .addOption(template)
    .addOption(noTemplate)
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

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
