// Completion for fish: one line a flag or verb.
import type { FlagSpec, Tree, Values } from './tree.js';

/** The script; to be put into fish's completions as virtc.fish, or sourced. */
export function toFish(tree: Tree): string {
  const before = '__fish_use_subcommand';
  const lines = [
    '# fish completion of virtc, made by: virtc completion fish',
    'complete -c virtc -f',
    ...tree.flags.map((flag) => flagLine(before, flag)),
    ...tree.verbs.map(
      ({ name, about }) => `complete -c virtc -n ${before} -a ${name} -d ${quoted(about)}`,
    ),
    ...tree.verbs.flatMap(({ name, flags, operand }) => {
      const seen = quoted(`__fish_seen_subcommand_from ${name}`);
      const own = flags.map((flag) => flagLine(seen, flag));
      return operand.kind === 'words'
        ? [...own, `complete -c virtc -n ${seen} -a ${quoted(operand.words.join(' '))}`]
        : own;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function flagLine(condition: string, { names, about, values, isOptional }: FlagSpec): string {
  const options = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  return `complete -c virtc -n ${condition} ${options.join(' ')}${isOptional ? '' : valueWords(values)} -d ${quoted(about)}`;
}

function valueWords(values: Values | null): string {
  if (values === null) return '';
  switch (values.kind) {
    case 'words':
      return ` -x -a ${quoted(values.words.join(' '))}`;
    case 'directory':
      return " -x -a '(__fish_complete_directories)'";
    case 'file':
      return ' -r -F';
    case 'anything':
      return ' -x';
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
