// What the parser of the command line refuses, as every other error of ours.
import { type Command, CommanderError } from 'commander';
import { VirtcontainersError } from '../../base/errors.js';
import { dockerHint } from './docker-flags.js';
import { dockerVerbHint } from './docker-verbs.js';

/**
 * The error to tell; null where there is none: help and version were asked for and are printed.
 * @param verb the verb, where one was recognised
 */
export function toUsageError(error: unknown, verb: Command | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0 || error.code === 'commander.help') return null;
  const [first = '', ...rest] = error.message.split('\n');
  const reason = first.replace(/^error: /, '');
  const hint = hintFor(reason, rest.join('\n'), verb);
  return new VirtcontainersError('invalid-argument', reason, hint === undefined ? {} : { hint });
}

function hintFor(reason: string, more: string, verb: Command | undefined): string | undefined {
  const option = /^unknown option '(.*)'$/s.exec(reason)?.[1];
  const command = /^unknown command '(.*)'$/s.exec(reason)?.[1];
  const known = option === undefined ? hintForVerb(command, verb) : hintForOption(option, verb);
  if (known !== undefined) return known;
  const meant = /^\(Did you mean (.*)\?\)$/s.exec(more)?.[1];
  if (meant !== undefined) return `did you mean ${meant}?`;
  if (option !== undefined) return `${helpOf(verb)} lists them`;
  if (command !== undefined) return `${helpOf(verb)} lists them`;
  return reason.startsWith("option '-h, --hostname") ? 'virtc help run shows the help' : undefined;
}

/** Only of a verb of virtc itself is docker's what was meant. */
function hintForVerb(written: string | undefined, verb: Command | undefined): string | undefined {
  return verb === undefined && written !== undefined ? dockerVerbHint(written) : undefined;
}

function hintForOption(written: string, verb: Command | undefined): string | undefined {
  const name = written.replace(/=.*/s, '');
  if (verb !== undefined && name === '--config') return `write it before ${pathOf(verb)[0]}`;
  // The verb has it, so it was unknown where it stood.
  if (verb?.options.some(({ short, long }) => name === short || name === long)) {
    return `write it after ${pathOf(verb).join(' ')}`;
  }
  return verb?.name() === 'run' ? dockerHint(written) : undefined;
}

function helpOf(verb: Command | undefined): string {
  return ['virtc help', ...(verb === undefined ? [] : pathOf(verb))].join(' ');
}

/** The words that call it: `template ls`. */
function pathOf(verb: Command): readonly string[] {
  const { parent } = verb;
  return parent?.parent ? [...pathOf(parent), verb.name()] : [verb.name()];
}

/** The verb whose flags were being read, the innermost; undefined where none was recognised. */
export function verbOf(argv: readonly string[], program: Command): Command | undefined {
  // Of the program's own flags only this takes a word.
  const words = argv.filter(
    (word, index) => !word.startsWith('-') && argv[index - 1] !== '--config',
  );
  // The verb that help was asked for is the one that matters.
  if (words[0] === 'help') words.shift();
  let found: Command | undefined;
  for (const word of words) {
    const next = (found ?? program).commands.find((command) => command.name() === word);
    if (next === undefined) break;
    found = next;
  }
  return found;
}
