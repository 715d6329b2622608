// From arguments to an exit code: parses the command line, runs the verb, reports what failed.
import { Command, CommanderError } from 'commander';
import { version } from '../../base/version.js';
import { addDoctor } from './commands/doctor.js';
import { addGc } from './commands/gc.js';
import { addRun } from './commands/run.js';
import { addSetup } from './commands/setup.js';
import { addVersion } from './commands/version.js';
import { describeError, exitCodeFor, exitCodes } from './report.js';

/** How a command tells the code that the program ends with. */
export type ExitWith = (code: number) => void;

/** Runs `virtc` with the arguments after its name; resolves with the exit code and never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const program = createProgram((result) => {
    code = result;
  });
  try {
    await program.parseAsync(withKnownHelp(argv, program), { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.virtcFailed;
    process.stderr.write(describeError(error, { debug: process.env['VIRTC_LOG'] === 'debug' }));
    return exitCodeFor(error);
  }
}

/** The command line with all its verbs; parsing throws a CommanderError where commander would exit. */
function createProgram(exitWith: ExitWith): Command {
  const program = new Command('virtc')
    .description('Run containers in virtual machines of their own.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(toOurStyle(text)) })
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', environmentHelp);
  for (const add of [addRun, addSetup, addDoctor, addGc, addVersion]) add(program, exitWith);
  return program;
}

/** commander answers `help bogus` with all its help, as if nothing were wrong: that verb is as unknown as without `help`. */
function withKnownHelp(argv: readonly string[], program: Command): readonly string[] {
  const [verb, asked] = argv;
  if (verb !== 'help' || asked === undefined) return argv;
  return program.commands.some((command) => command.name() === asked) ? argv : [asked];
}

/** commander's `error: …` and `(Did you mean …?)` as every other message of ours looks. */
function toOurStyle(text: string): string {
  return (
    text
      // What is left of `-it=1` once its letters are taken off.
      .replace(/^error: unknown option '-(=.*)'$/m, "error: flags such as -it take no value: '$1'")
      .replace(/^error: /, 'virtc: ')
      .replace(/\n\(Did you mean (.*)\?\)/s, '\nhint: did you mean $1?')
  );
}

const environmentHelp = `
Environment:
  VIRTC_RUN_ROOT     directory of live state (default /run/virtcontainers)
  VIRTC_LIB_ROOT     directory of guest images and logs (default /var/lib/virtcontainers)
  VIRTC_GUEST_IMAGE  directory of the guest image to use
  VIRTC_ACCELERATOR  auto, kvm or tcg (default auto)
  VIRTC_LOG          debug, info, warn or error: log on standard error

Exit codes: the command's own; 124 if --timeout ended it, 125 if virtc failed, 126 if
the command cannot be executed, 127 if it does not exist, 128+n if signal n ended it.`;
