// `virtc config`: its flags; what it prints is put together when it is called.
import type { Command } from 'commander';
import { accelerators, writePlaces } from '../../../model/defaults.js';
import type { ConfigFlags } from '../config/config.js';
import type { ExitWith } from '../program.js';
import {
  colorOption,
  formatOption,
  negatedOptions,
  progressOption,
  withExamples,
  wordOption,
} from './options.js';

/** Adds the verb `config`. */
export function addConfig(program: Command, exitWith: ExitWith): void {
  const [template, noTemplate] = negatedOptions('--no-template', 'as of run');
  const verb = program
    .command('config')
    .description('print the configuration that holds, and where each value comes from')
    .option('--defaults', 'print a configuration file with every default, commented out')
    .addOption(formatOption())
    .addOption(wordOption('--hypervisor <kind>', 'as of run', accelerators))
    .addOption(wordOption('--writes <where>', 'as of run', writePlaces))
    .addOption(template)
    .addOption(noTemplate)
    .addOption(progressOption())
    .addOption(colorOption())
    .option('--debug', 'as of run')
    .addHelpText('after', files)
    .action(async (_flags: unknown, command: Command) => {
      const { config } = await import('../config/config.js');
      process.stdout.write(await config(command.optsWithGlobals<ConfigFlags>(), process.env));
      exitWith(0);
    });
  withExamples(
    verb,
    'virtc config',
    'virtc config --defaults > /etc/virtcontainers/config.toml',
    "virtc config --format json | jq '.values.accelerator'",
  );
}

const files = `
A value is that of the flag, else of the environment, else of the user's file, else of the
system's, else the default. The user's file is $XDG_CONFIG_HOME/virtcontainers/config.toml
($HOME/.config where that is not set), the system's /etc/virtcontainers/config.toml.
virtc --config FILE or VIRTC_CONFIG names one file instead of both, empty for none.
None is ever read from the current directory.`;
