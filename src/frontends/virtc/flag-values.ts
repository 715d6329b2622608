// Values of flags: one of a few words, and how a value is refused: which flag, what, the rule, what was most likely meant.
import {
  type ErrorCode,
  VirtcontainersError,
  type VirtcontainersErrorOptions,
} from '../../base/errors.js';
import { nearest } from '../../model/parse/nearest.js';

/** The error for a value; `flag` is the long form, the rule the end of a sentence. */
export function badFlag(
  flag: string,
  value: string,
  rule: string,
  options: VirtcontainersErrorOptions & { readonly code?: ErrorCode } = {},
): VirtcontainersError {
  const { code = 'invalid-argument', ...rest } = options;
  return new VirtcontainersError(
    code,
    `cannot use ${flag} ${JSON.stringify(value)}: ${rule}`,
    rest,
  );
}

/** `did you mean nofile?`, where some name is near; to be spread into an error's options. */
export function didYouMean(
  name: string,
  names: readonly string[],
  otherwise?: string,
): { readonly hint?: string } {
  const meant = nearest(name, names);
  if (meant !== undefined) return { hint: `did you mean ${meant}?` };
  return otherwise === undefined ? {} : { hint: otherwise };
}

/** One of a few words; undefined where the flag is not given. @throws VirtcontainersError `invalid-argument` */
export function toChoice<const T extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const choice = choices.find((candidate) => candidate === value);
  if (value === undefined || choice !== undefined) return choice;
  const rule = `it must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
  throw badFlag(flag, value, rule, didYouMean(value, choices));
}

/** What `--format` chooses: text for people, or JSON for programs. */
export function isJson(format: string | undefined): boolean {
  return toChoice('--format', format, ['text', 'json']) === 'json';
}
