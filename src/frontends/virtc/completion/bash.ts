// Completion for bash, without the package bash-completion: the script holds all there is to know but names of containers
// and pods, for which it asks virtc.
import type { FlagSpec, Tree, Values, VerbSpec } from './tree.js';

/** The script; to be sourced. */
export function toBash(tree: Tree): string {
  return `# bash completion of virtc, made by: virtc completion bash
_virtc() {
  local current=\${COMP_WORDS[COMP_CWORD]} verb= flag= optional= index=1 word
  COMPREPLY=()
  # bash takes --flag=value for three words.
  if [[ $current == = ]]; then current=; fi
  while (( index < COMP_CWORD )); do
    word=\${COMP_WORDS[index]}
    (( index += 1 ))
    if [[ $word == = ]]; then continue; fi
    if [[ -n $flag && ( -z $optional || $word != -* ) ]]; then flag=; continue; fi
    flag= optional=
    # What comes now is the command of a run.
    if [[ $word == -- ]]; then return; fi
    case "$verb $word" in
${valueCases(tree)}
      *\\ -*) ;;
      \\ *) verb=$word ;;
${innerCases(tree)}${variadicCases(tree)}
      *) return ;;
    esac
  done
  if [[ -n $optional && $current == -* ]]; then flag=; fi
  case "$verb $flag" in
${flagCases(tree)}
    ?*\\ -*|\\ -*) return ;;
  esac
  case $verb in
${allVerbs(tree).map(verbCase).join('\n')}
  esac
}
complete -F _virtc virtc
`;
}

const words = (list: readonly string[]): Values => ({ kind: 'words', words: list });

/** Where a flag is one whose value is the next word. */
function valueCases(tree: Tree): string {
  const patterns = (isOptional: boolean): string =>
    allFlags(tree)
      .filter(({ flag }) => flag.values !== null && flag.isOptional === isOptional)
      .flatMap(({ verb, flag }) => flag.names.map((name) => quoted(`${verb} ${name}`)))
      .join('|');
  const optional = patterns(true);
  const cases = [`      ${patterns(false)}) flag=$word ;;`];
  if (optional !== '') cases.push(`      ${optional}) flag=$word optional=1 ;;`);
  return cases.join('\n');
}

/** What the value of a flag can be. */
function flagCases(tree: Tree): string {
  return allFlags(tree)
    .flatMap(({ verb, flag: { names, values } }) => {
      if (values === null || values.kind === 'anything') return [];
      const patterns = names.map((name) => quoted(`${verb} ${name}`)).join('|');
      return [`    ${patterns}) ${reply(values)}; return ;;`];
    })
    .join('\n');
}

/** Where a word is a verb of a verb: both are the verb from then on. */
function innerCases(tree: Tree): string {
  return tree.verbs
    .filter(({ verbs }) => verbs.length > 0)
    .map(({ name, verbs }) => verbs.map((inner) => quoted(`${name} ${inner.name}`)).join('|'))
    .map((patterns) => `      ${patterns}) verb="$verb $word" ;;`)
    .join('\n');
}

/** Where a word is one of several names. */
function variadicCases(tree: Tree): string {
  const patterns = allVerbs(tree)
    .filter(({ operand, isVariadic }) => isVariadic && operand.kind === 'names')
    .map(({ path }) => `${quoted(`${path} `)}*`);
  return patterns.length === 0 ? '' : `\n      ${patterns.join('|')}) ;;`;
}

type Verb = Pick<VerbSpec, 'flags' | 'operand' | 'isVariadic'> & { readonly path: string };

/** The program itself, its verbs and theirs. */
function allVerbs(tree: Tree): readonly Verb[] {
  const below = (verbs: readonly VerbSpec[], before: string): readonly Verb[] =>
    verbs.flatMap((verb) => {
      const path = `${before}${verb.name}`;
      return [{ ...verb, path }, ...below(verb.verbs, `${path} `)];
    });
  const names = words(tree.verbs.map(({ name }) => name));
  return [
    { path: '', flags: tree.flags, operand: names, isVariadic: false },
    ...below(tree.verbs, ''),
  ];
}

function allFlags(tree: Tree): readonly { readonly verb: string; readonly flag: FlagSpec }[] {
  return allVerbs(tree).flatMap(({ path, flags }) => flags.map((flag) => ({ verb: path, flag })));
}

function verbCase({ path, flags, operand }: Verb): string {
  const names = flags.flatMap((flag) => flag.names);
  return `    ${quoted(path)})
      if [[ $current == -* ]]; then ${reply(words(names))}; else ${reply(operand)}; fi ;;`;
}

function reply(values: Values): string {
  if (values.kind === 'anything') return ':';
  if (values.kind === 'words') {
    return `mapfile -t COMPREPLY < <(compgen -W ${quoted(values.words.join(' '))} -- "$current")`;
  }
  if (values.kind === 'names') {
    return `mapfile -t COMPREPLY < <(compgen -W "$(${values.from} 2>/dev/null)" -- "$current")`;
  }
  const action = values.kind === 'directory' ? '-d' : '-f';
  // As names of files: bash then quotes them and adds the slash.
  return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen ${action} -- "$current")`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
