// How a flag's value is refused: which flag, what was given, the rule, and what was most likely meant.
import { type ErrorCode, type ErrorOptions, VirtcontainersError } from '../../../base/errors.js';
import { nearest } from '../../../model/parse/nearest.js';

/** The error for a value; `flag` is the long form, the rule the end of a sentence. */
export function badFlag(
  flag: string,
  value: string,
  rule: string,
  options: ErrorOptions & { readonly code?: ErrorCode } = {},
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
