// Flags that several verbs have, and flags of a few words.
import { type Command, Option } from 'commander';
import { colorModes, progressModes } from '../../../model/defaults.js';

/** A flag of a few words; what is none of them is refused where the value is used, with the nearest word. */
export function wordOption(flags: string, about: string, words: readonly string[]): Option {
  const option = new Option(flags, about);
  // For help and shell completion; `choices` would refuse others in words of its own.
  option.argChoices = [...words];
  return option;
}

/** `--color`. */
export function colorOption(): Option {
  return wordOption(
    '--color <when>',
    'when to use colour (default auto: on a terminal)',
    colorModes,
  );
}

/** `--progress`. */
export function progressOption(): Option {
  const about =
    'how to show what is slow right now (default auto: a line on a terminal; plain: one a step)';
  return wordOption('--progress <how>', about, progressModes);
}

/** `--format`. @param json what JSON holds, if more than the text */
export function formatOption(json = ''): Option {
  return wordOption('--format <format>', `form of the output (default text)${json}`, [
    'text',
    'json',
  ]);
}

/** `--format` of a list. */
export function listFormatOption(): Option {
  return wordOption(
    '--format <format>',
    "form of the output: table (default), json, jsonl, or a template such as '{{.ID}}'",
    ['table', 'json', 'jsonl'],
  );
}

/** Gathers the values of a flag that can be given more than once. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/**
 * A flag that takes back what holds by default, `--no-template`, after the hidden one that it negates: without that, commander
 * would take for given what nobody said.
 */
export function negatedOptions(flag: `--no-${string}`, about: string): readonly [Option, Option] {
  return [new Option(flag.replace('--no-', '--')).hideHelp(), new Option(flag, about)];
}

/** A verb's examples, before everything else in its help. */
export function withExamples(verb: Command, ...lines: readonly string[]): Command {
  return verb.addHelpText('before', `Examples:\n${lines.map((line) => `  ${line}\n`).join('')}`);
}
