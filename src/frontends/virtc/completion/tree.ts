// What shells complete, taken from the command line itself: verbs, flags, words, and which values are paths.
import type { Argument, Command, Option } from 'commander';

/** What can stand in a place. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** What a verb of virtc prints, a name a line. */
  | { readonly kind: 'names'; readonly from: string }
  | { readonly kind: 'file' | 'directory' | 'anything' };

export interface FlagSpec {
  /** `-m`, `--memory`. */
  readonly names: readonly string[];
  readonly about: string;
  /** Null where it has no value. */
  readonly values: Values | null;
  /** Whether the value may be left out. */
  readonly isOptional: boolean;
}

export interface VerbSpec {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly FlagSpec[];
  /** What its first word can be. */
  readonly operand: Values;
  /** Whether every other word can be that, too. */
  readonly isVariadic: boolean;
  /** Its own verbs, one of which is then its first word. */
  readonly verbs: readonly VerbSpec[];
}

export interface Tree {
  readonly flags: readonly FlagSpec[];
  readonly verbs: readonly VerbSpec[];
}

/** The tree of a program; hidden flags are left out. */
export function toTree(program: Command): Tree {
  const help = program.createHelp();
  const flagsOf = (command: Command): readonly FlagSpec[] =>
    help.visibleOptions(command).map(toFlag);
  const namesIn = (command: Command): Values => ({
    kind: 'words',
    words: help.visibleCommands(command).map((verb) => verb.name()),
  });
  const verbsOf = (command: Command): readonly VerbSpec[] =>
    help.visibleCommands(command).map((verb) => {
      const own = { name: verb.name(), about: verb.description() };
      if (verb.name() === 'help')
        return { ...own, flags: [], operand: namesIn(program), isVariadic: false, verbs: [] };
      const verbs = verbsOf(verb);
      const [first] = verb.registeredArguments;
      const operand = verbs.length > 0 ? namesIn(verb) : operandOf(first);
      const isVariadic = verbs.length === 0 && first?.variadic === true;
      return { ...own, flags: flagsOf(verb), operand, isVariadic, verbs };
    });
  return { flags: flagsOf(program), verbs: verbsOf(program) };
}

function operandOf(argument: Argument | undefined): Values {
  if (argument?.argChoices !== undefined) return { kind: 'words', words: argument.argChoices };
  return namesOf(argument?.name() ?? '') ?? { kind: 'anything' };
}

/** What can be listed, by the name that the help gives it. */
function namesOf(name: string): Values | null {
  if (name === 'container') return { kind: 'names', from: 'virtc ps -aq' };
  return name === 'pod' ? { kind: 'names', from: 'virtc pod ls -q' } : null;
}

function toFlag(option: Option): FlagSpec {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  return {
    names,
    about: option.description,
    values: valuesOf(option),
    isOptional: option.optional,
  };
}

/** By the name that the help gives the value. */
function valuesOf(option: Option): Values | null {
  if (!option.required && !option.optional) return null;
  if (option.argChoices !== undefined) return { kind: 'words', words: option.argChoices };
  const value = /[<[](.*)[>\]]$/.exec(option.flags)?.[1] ?? '';
  if (value === 'dir') return { kind: 'directory' };
  const names = namesOf(value);
  if (names !== null) return names;
  return { kind: /^file\b/.test(value) || value.startsWith('src:') ? 'file' : 'anything' };
}
