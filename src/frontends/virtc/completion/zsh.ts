// Completion for zsh, by its own _arguments.
import type { FlagSpec, Tree, Values, VerbSpec } from './tree.js';

/** The script; to be put into a directory of fpath as _virtc, or sourced after compinit. */
export function toZsh(tree: Tree): string {
  return `#compdef virtc
# zsh completion of virtc, made by: virtc completion zsh
_virtc() {
  local curcontext=$curcontext state line verb
  typeset -A opt_args
  _arguments -C -S \\
${[...tree.flags.flatMap(toSpecs), quoted('1:command:->verb'), quoted('*::argument:->rest')].map((spec) => `    ${spec}`).join(' \\\n')}
  case $state in
    verb)
      local -a verbs=(
${tree.verbs.map(({ name, about }) => `        ${quoted(`${name}:${about}`)}`).join('\n')}
      )
      _describe command verbs ;;
    rest)
      case $line[1] in
${tree.verbs.map((verb) => verbCase(verb, '        ')).join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _virtc ]]; then _virtc "$@"; else compdef _virtc virtc; fi
`;
}

/** What comes behind a verb: its flags and its word, or what comes behind a verb of its own. */
function verbCase({ name, flags, operand, isVariadic, verbs }: VerbSpec, indent: string): string {
  const specs = [
    ...flags.flatMap(toSpecs),
    quoted(`${isVariadic && operand.kind === 'names' ? '*' : '1'}:argument:${action(operand)}`),
  ];
  const inner = `${indent}  `;
  const listed = (all: readonly string[]): string =>
    all.map((spec) => `${inner}  ${spec}`).join(' \\\n');
  if (verbs.length === 0) {
    return `${indent}${name})\n${inner}_arguments -S -A '-*' \\\n${listed(specs)} ;;`;
  }
  return `${indent}${name})
${inner}_arguments -C -S -A '-*' \\
${listed([...specs, quoted('*::argument:->inner')])}
${inner}case $state in
${inner}  inner)
${inner}    case $line[1] in
${verbs.map((verb) => verbCase(verb, `${inner}      `)).join('\n')}
${inner}    esac ;;
${inner}esac ;;`;
}

/** A specification for each name of a flag; one that can be repeated may stand again. */
function toSpecs({ names, about, values, isOptional }: FlagSpec): readonly string[] {
  const often = about.includes('repeatable') ? '*' : '';
  const text = about.replace(/[[\]\\:]/g, '\\$&');
  const value = values === null ? '' : `${isOptional ? '::' : ':'}value:${action(values)}`;
  return names.map((name) => {
    const glue = values === null ? '' : name.startsWith('--') ? '=' : '+';
    return quoted(`${often}${name}${glue}[${text}]${value}`);
  });
}

function action(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `(${values.words.join(' ')})`;
    case 'names':
      return `{compadd -- \${(f)"$(${values.from} 2>/dev/null)"}}`;
    case 'directory':
      return '_files -/';
    case 'file':
      return '_files';
    case 'anything':
      return ' ';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
