// The flags that say what a container is: of run and create.
import type { Command } from 'commander';
import { accelerators, writePlaces } from '../../../model/defaults.js';
import { collect, negatedOptions, wordOption } from './options.js';

/** Adds them, and what is to run as the verb's words. */
export function addContainerOptions(verb: Command): Command {
  const [template, noTemplate] = negatedOptions(
    '--no-template',
    'boot the VM instead of cloning one that has booted before',
  );
  return (
    verb
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
      .option('--cap-add <name>', 'add a capability, for example NET_ADMIN, or ALL', collect)
      .option('--cap-drop <name>', 'drop a capability, or ALL (both repeatable)', collect)
      .option('--name <name>', 'name of the container and its pod')
      .option('--pod <pod>', 'put it into the VM of a pod that is there (virtc pod create)')
      .option('-h, --hostname <name>', 'host name in the container (default: its name)')
      .option(
        '-l, --label <name=value>',
        'label of the container and its pod (repeatable)',
        collect,
      )
      .option('--entrypoint <program>', 'program to run, with CMD as its arguments')
      .option('--init', 'an init as PID 1 forwards signals to the command and reaps processes')
      .option('--network <mode>', 'none, which is all there is')
      .addOption(
        wordOption('--hypervisor <kind>', 'what executes the VM (default auto)', accelerators),
      )
      .addOption(template)
      .addOption(noTemplate)
  );
}
