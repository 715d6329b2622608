// `virtc run`: its flags and help; what it does is loaded when it is called.
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';
import type { RunFlags } from '../run/run-request.js';

/** Adds the verb `run`. */
export function addRun(program: Command, exitWith: ExitWith): void {
  program
    .command('run')
    .description('run a command in a container in a VM of its own')
    .usage('[options] --rootfs DIR [--] CMD [ARG...]')
    .argument('[command...]', 'what to run, and its arguments')
    .passThroughOptions()
    // docker's -h is the hostname.
    .helpOption('--help', 'show this help')
    .option('--rootfs <dir>', 'directory that becomes the root')
    .option('--writes <where>', 'host: writes change the root directory; discard (default): memory')
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
    .option('--hypervisor <kind>', 'auto, kvm or tcg: what executes the VM (default auto)')
    .option('--init', 'an init as PID 1 forwards signals to the command and reaps processes')
    .option('--dry-run', 'print what would be done, and do nothing')
    .option('--format <format>', 'of --dry-run: text (default) or json')
    .option(
      '--trace [file.json]',
      'show where the time went, and write it for Perfetto (default virtc-trace.json)',
    )
    .option('--debug', 'print log lines and timings, and all that is known of an error')
    .addHelpText('before', examples)
    .action(async (words: readonly string[], flags: RunFlags) => {
      const { run } = await import('../run/run.js');
      const { trace } = flags;
      if (trace === undefined) return exitWith(await run(words, flags));
      const { traceRun } = await import('../trace/trace-run.js');
      exitWith(await traceRun(trace, () => run(words, flags)));
    });
}

const examples = `Examples:
  virtc run --rootfs /srv/debian -- uname -r
  virtc run --rootfs /srv/debian -it -- bash
  virtc run --rootfs /srv/debian -i -m 1g -v "$PWD:/work:ro" -w /work -- python3 - < job.py
  virtc run --rootfs /srv/debian --init -m 1g --dry-run -- ./job
  virtc run --rootfs /srv/debian --read-only --tmpfs /tmp --cap-drop ALL --timeout 30s -- ./job
`;

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
