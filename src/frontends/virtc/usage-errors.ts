// What the parser of the command line refuses, as every other error of ours.
import { type Command, CommanderError } from 'commander';
import { VirtcontainersError } from '../../base/errors.js';
import { dockerHint } from './docker-flags.js';

/**
 * The error to tell; null where there is none: help and version were asked for and are printed.
 * @param verb the verb's name, where one was recognised
 */
export function toUsageError(error: unknown, verb: string | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0 || error.code === 'commander.help') return null;
  const [first = '', ...rest] = error.message.split('\n');
  const reason = first.replace(/^error: /, '');
  const hint = hintFor(reason, rest.join('\n'), verb);
  return new VirtcontainersError('invalid-argument', reason, hint === undefined ? {} : { hint });
}

function hintFor(reason: string, more: string, verb: string | undefined): string | undefined {
  const written = /^unknown option '(.*)'$/s.exec(reason)?.[1];
  const known = verb === 'run' && written !== undefined ? dockerHint(written) : undefined;
  if (known !== undefined) return known;
  const meant = /^\(Did you mean (.*)\?\)$/s.exec(more)?.[1];
  if (meant !== undefined) return `did you mean ${meant}?`;
  return written === undefined
    ? undefined
    : `virtc help${verb === undefined ? '' : ` ${verb}`} lists them`;
}

/** The verb whose flags were being read; undefined where none was recognised. */
export function verbOf(argv: readonly string[], program: Command): Command | undefined {
  // Of the program's own flags only this takes a word.
  const words = argv.filter(
    (word, index) => !word.startsWith('-') && argv[index - 1] !== '--config',
  );
  return program.commands.find((command) => command.name() === words[0]);
}
