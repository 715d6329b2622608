// `virtc completion`: prints the script that completes virtc in a shell.
import { Argument, type Command } from 'commander';
import { toChoice } from '../flag-values.js';
import type { ExitWith } from '../program.js';
import { withExamples } from './options.js';

const shells = ['bash', 'zsh', 'fish'] as const;

/** Adds the verb `completion`. */
export function addCompletion(program: Command, exitWith: ExitWith): void {
  const argument = new Argument('<shell>', shells.join(', '));
  argument.argChoices = [...shells];
  const verb = program
    .command('completion')
    .description('print a script that completes virtc in bash, zsh or fish')
    .addArgument(argument)
    .action(async (word: string) => {
      const shell = toChoice('shell', word, shells) ?? 'bash';
      const [{ toTree }, { scripts }] = await Promise.all([
        import('../completion/tree.js'),
        import('../completion/scripts.js'),
      ]);
      process.stdout.write(scripts[shell](toTree(program)));
      exitWith(0);
    });
  withExamples(
    verb,
    '. <(virtc completion bash)',
    'virtc completion bash > /usr/share/bash-completion/completions/virtc',
    'virtc completion zsh > /usr/local/share/zsh/site-functions/_virtc',
    'virtc completion fish > ~/.config/fish/completions/virtc.fish',
  );
}
