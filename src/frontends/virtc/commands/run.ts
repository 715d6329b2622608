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
    .option('--rootfs <dir>', 'directory that becomes the root; what is written to it is discarded')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', 'set a variable, or pass NAME on (repeatable)', collect)
    .option('-w, --workdir <path>', 'working directory in the container')
    .option('-u, --user <user[:group]>', 'names or numbers of the container')
    .option(
      '-v, --volume <src:dst[:ro]>',
      'bind a host directory or file into the container (repeatable)',
      collect,
    )
    .option('-m, --memory <size>', 'memory limit, for example 512m or 1GiB')
    .option('--cpus <number>', 'processor limit, for example 1.5')
    .option('--name <name>', 'name of the container and its pod')
    .option('--debug', 'print log lines and timings, and all that is known of an error')
    .addHelpText('before', examples)
    .action(async (words: readonly string[], flags: RunFlags) => {
      const { run } = await import('../run/run.js');
      exitWith(await run(words, flags));
    });
}

const examples = `Examples:
  virtc run --rootfs /srv/debian -- uname -r
  virtc run --rootfs /srv/debian -it -- bash
  virtc run --rootfs /srv/debian -i -m 1g -v "$PWD:/work:ro" -w /work -- python3 - < job.py
`;

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
