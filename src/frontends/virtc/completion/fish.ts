// Completion for fish: one line a flag or verb.
import type { FlagSpec, Tree, Values, VerbSpec } from './tree.js';

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
    ...tree.verbs.flatMap((verb) => verbLines('', verb)),
  ];
  return `${lines.join('\n')}\n`;
}

/** What comes behind a verb, and behind its own verbs. @param before the condition that it is one at all */
function verbLines(before: string, { name, flags, operand, verbs }: VerbSpec): readonly string[] {
  const seen = `${before}__fish_seen_subcommand_from ${name}`;
  const lines = flags.map((flag) => flagLine(quoted(seen), flag));
  if (verbs.length === 0) {
    const offered = offeredWords(operand);
    if (offered === null) return lines;
    return [...lines, `complete -c virtc -n ${quoted(seen)} -a ${quoted(offered)}`];
  }
  const names = verbs.map((inner) => inner.name).join(' ');
  const none = quoted(`${seen}; and not __fish_seen_subcommand_from ${names}`);
  return [
    ...lines,
    ...verbs.map(
      (inner) => `complete -c virtc -n ${none} -a ${inner.name} -d ${quoted(inner.about)}`,
    ),
    ...verbs.flatMap((inner) => verbLines(`${seen}; and `, inner)),
  ];
}

function flagLine(condition: string, { names, about, values, isOptional }: FlagSpec): string {
  const options = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  return `complete -c virtc -n ${condition} ${options.join(' ')}${isOptional ? '' : valueWords(values)} -d ${quoted(about)}`;
}

/** The words themselves, or the call that prints them. */
function offeredWords(values: Values): string | null {
  if (values.kind === 'words') return values.words.join(' ');
  return values.kind === 'names' ? `(${values.from} 2>/dev/null)` : null;
}

function valueWords(values: Values | null): string {
  if (values === null) return '';
  switch (values.kind) {
    case 'words':
    case 'names':
      return ` -x -a ${quoted(offeredWords(values) ?? '')}`;
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
