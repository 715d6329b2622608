// The command line as a tree: the program, its own flags, and its verbs.
import { Command } from 'commander';
import { version } from '../../base/version.js';
import { allowFalse } from './boolean-flags.js';
import { addCompletion } from './commands/completion.js';
import { addConfig } from './commands/config.js';
import { containerVerbs } from './commands/containers/groups.js';
import { addCreate } from './commands/create.js';
import { addDoctor } from './commands/doctor.js';
import { addGc } from './commands/gc.js';
import { addPod } from './commands/pod.js';
import { addRun } from './commands/run.js';
import { addSetup } from './commands/setup.js';
import { addTemplate } from './commands/template.js';
import { addVersion } from './commands/version.js';

/** How a command tells the code that the program ends with. */
export type ExitWith = (code: number) => void;

/** The command line with all its verbs; parsing throws a CommanderError where commander would print and exit. */
export function createProgram(exitWith: ExitWith): Command {
  const program = new Command('virtc')
    .description('Run containers in virtual machines of their own.')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .option('--config <file>', 'use this configuration file alone; empty for none')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('before', examples)
    .addHelpText('after', environmentHelp);
  const verbs = [
    ...[addRun, addCreate],
    ...containerVerbs,
    addPod,
    ...[addSetup, addDoctor, addGc, addTemplate],
    ...[addConfig, addCompletion, addVersion],
  ];
  for (const add of verbs) add(program, exitWith);
  for (const verb of program.commands) allowFalse(verb);
  return program;
}

const examples = `Examples:
  virtc setup
  virtc run --rootfs /srv/debian -it -- bash
  virtc run --rootfs /srv/debian -d --name web -- ./server
  virtc logs -f web
  virtc doctor
`;

const environmentHelp = `
Environment:
  VIRTC_CONFIG       configuration file to use instead of the user's and the system's
  VIRTC_RUN_ROOT     directory of live state
  VIRTC_LIB_ROOT     directory of guest images, templates and logs
  VIRTC_GUEST_IMAGE  directory of the guest image to use
  VIRTC_ACCELERATOR  auto, kvm or tcg
  VIRTC_TEMPLATE     false: VMs boot instead of being cloned from a template
  VIRTC_LOG          debug, info, warn, error or off: log on standard error
  NO_COLOR, FORCE_COLOR

virtc config shows what holds, and where it comes from.

Exit codes of run and exec: the command's own; 124 if --timeout ended it, 125 if virtc failed, 126 if
the command cannot be executed, 127 if it does not exist, 128+n if signal n ended it.`;
