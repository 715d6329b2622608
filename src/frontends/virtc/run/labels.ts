// What `--label NAME=VALUE` means: docker's rules.
import { badFlag } from '../flag-values.js';

/** The labels; one without a value is empty, of two of the same name the last holds. @throws VirtcontainersError `invalid-argument` */
export function toLabels(entries: readonly string[]): Record<string, string> {
  const labels = entries.map((entry) => {
    const [name = ''] = entry.split('=', 1);
    if (name === '' || name.length > 256) {
      throw badFlag('--label', entry, 'it must have a name of 1 to 256 characters', {
        hint: 'write --label NAME=VALUE',
      });
    }
    return [name, entry.slice(name.length + 1)] as const;
  });
  return Object.fromEntries(labels);
}
