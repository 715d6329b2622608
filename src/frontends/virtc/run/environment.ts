// What `-e` and the lines of `--env-file` mean: docker's rules.
import { VirtcontainersError } from '../../../base/errors.js';

/** `NAME=VALUE` sets, `NAME` passes on what is set here and is dropped where it is not: as docker does. */
export function toEnvironment(
  entries: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const result: [string, string][] = [];
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (name === '') {
      throw new VirtcontainersError(
        'invalid-argument',
        `cannot set variable "${entry === '' ? '' : '=…'}": it has no name`,
        { hint: 'write -e NAME=VALUE, or -e NAME to pass yours on' },
      );
    }
    const value = equals < 0 ? environment[name] : entry.slice(equals + 1);
    if (value !== undefined) result.push([name, value]);
  }
  return Object.fromEntries(result);
}
