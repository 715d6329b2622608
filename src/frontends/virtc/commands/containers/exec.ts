// `virtc exec`: its flags; the library is loaded when it is called.
import type { Command } from 'commander';
import type { ExecFlags } from '../../containers/exec.js';
import type { ExitWith } from '../../program.js';
import { collect, colorOption, withExamples } from '../options.js';

/** Adds the verb `exec`. */
export function addExec(program: Command, exitWith: ExitWith): void {
  const verb = program
    .command('exec')
    .description('run a command in a container that runs')
    .usage('[options] CONTAINER CMD [ARG...]')
    .argument('<container>', 'its name')
    .argument('[command...]', 'what to run, and its arguments')
    .passThroughOptions()
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give the command a terminal')
    .option('-d, --detach', 'let it run in the background; what it prints is dropped')
    .option('-e, --env <name=value>', 'set a variable, or pass NAME on (repeatable)', collect)
    .option('--env-file <file>', 'read variables from a file, one a line (repeatable)', collect)
    .option('-w, --workdir <path>', "working directory (default: the container's)")
    .option(
      '-u, --user <user[:group]>',
      "names or numbers of the container (default: the container's)",
    )
    .option('--detach-keys <keys>', 'keys that leave a terminal (default ctrl-p,ctrl-q)')
    .addOption(colorOption())
    .option('--debug', 'print log lines, and all that is known of an error')
    .addHelpText('after', about)
    .action(async (name: string, words: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ExecFlags>();
      const [{ exec }, { verbContext }, { sessionContext }] = await Promise.all([
        import('../../containers/exec.js'),
        import('../../containers/context.js'),
        import('../../session/context.js'),
      ]);
      const context = { ...verbContext(flags), ...sessionContext() };
      exitWith(await exec(name, words, flags, context));
    });
  withExamples(
    verb,
    'virtc exec web ls -l /',
    'virtc exec -it web bash',
    'virtc exec -d -u nobody web ./job',
  );
}

const about = `
Signals go to the command; a second ^C within two seconds ends it with all that came from it.
Exit codes: the command's own; 126 if it cannot be executed, 127 if it does not exist, 1 if the container
is not there or does not run, 125 for a mistake in the command line.`;
