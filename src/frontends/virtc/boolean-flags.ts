// Flags without a value can have one all the same, as docker's: `--tty=false`, `-it=true`.
import type { Command, Option } from 'commander';
import { badFlag } from './flag-values.js';

// What Go takes for a boolean, as docker is written in it.
const words: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false]),
]);

/** Adds to each flag without a value the hidden one that takes it back; call it when a verb has all its flags and verbs. */
export function allowFalse(verb: Command): void {
  for (const { long, isBoolean } of verb.options.map(shapeOf)) {
    if (!isBoolean || long === undefined || find(verb, oppositeOf(long)) !== undefined) continue;
    verb.addOption(verb.createOption(oppositeOf(long)).hideHelp());
  }
  for (const inner of verb.commands) allowFalse(inner);
}

/**
 * The arguments with `--flag=true` as `--flag` and `--flag=false` as `--no-flag`, up to where the command of a run begins.
 * @throws VirtcontainersError `invalid-argument` for another value
 */
export function withPlainBooleans(argv: readonly string[], program: Command): readonly string[] {
  const result: string[] = [];
  let command = program;
  let index = 0;
  for (; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') {
      const verb = command.commands.find((candidate) => candidate.name() === word);
      // An operand: of a run, the command's own arguments begin.
      if (verb === undefined) break;
      command = verb;
      result.push(word);
      continue;
    }
    result.push(...plainWords(word, command));
    if (takesNextWord(word, argv[index + 1], command)) {
      index += 1;
      if (index < argv.length) result.push(argv[index] ?? '');
    }
  }
  return [...result, ...argv.slice(index)];
}

function plainWords(word: string, command: Command): readonly string[] {
  const equals = word.indexOf('=');
  if (equals < 0) return [word];
  const letters = /^-(\w+)=/.exec(word)?.[1];
  const last = letters === undefined ? word.slice(0, equals) : `-${letters.at(-1)}`;
  const option = find(command, last);
  // `-e=x` is the value of another letter.
  const others = [...(letters?.slice(0, -1) ?? '')].map((letter) => `-${letter}`);
  if (
    option === undefined ||
    ![option, ...others.map((name) => find(command, name))].every(isBoolean)
  ) {
    return [word];
  }
  const { long = last } = option;
  const value = word.slice(equals + 1);
  if (!Object.hasOwn(words, value)) throw badFlag(long, value, 'it must be true or false');
  return [...others, words[value] === true ? long : oppositeOf(long)];
}

function takesNextWord(word: string, next: string | undefined, command: Command): boolean {
  const takes = (option: Option | undefined): boolean =>
    option !== undefined &&
    (option.required || (option.optional && next?.startsWith('-') === false));
  if (word.startsWith('--')) return takes(find(command, word));
  // The first letter with a value has the rest of the word, or else the next word.
  const letters = [...word.slice(1)];
  const index = letters.findIndex((letter) => {
    const option = find(command, `-${letter}`);
    return option === undefined || !isBoolean(option);
  });
  return index === letters.length - 1 && takes(find(command, `-${letters[index]}`));
}

function find(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => long === name || short === name);
}

function isBoolean(option: Option | undefined): boolean {
  return option !== undefined && shapeOf(option).isBoolean;
}

function shapeOf(option: Option): {
  readonly long: string | undefined;
  readonly isBoolean: boolean;
} {
  const { long, required, optional } = option;
  return { long, isBoolean: !required && !optional };
}

function oppositeOf(long: string): string {
  return long.startsWith('--no-') ? `--${long.slice(5)}` : `--no-${long.slice(2)}`;
}
