// What `-v SRC:DST[:ro]` means.
import path from 'node:path';
import type { VirtcontainersError, VirtcontainersErrorOptions } from '../../../base/errors.js';
import type { MountOptions } from '../../../model/options.js';
import { badFlag } from '../flag-values.js';

/**
 * A host path in the container; everything but a colon may stand in the paths.
 * @throws VirtcontainersError `invalid-argument`; `unsupported` for named and anonymous volumes
 */
export function toBindMount(text: string, cwd: string): MountOptions {
  const parts = text.split(':');
  const [source = '', destination, mode] = parts;
  if (destination === undefined) {
    throw refusal('unsupported', text, 'this version has no anonymous volumes yet', {
      hint: 'bind a directory of the host: -v SRC:DST',
    });
  }
  if (parts.length > 3 || (mode !== undefined && mode !== 'ro' && mode !== 'rw')) {
    throw refusal('invalid-argument', text, 'what follows the second colon must be ro or rw', {
      hint:
        parts.length === 3 && /^[a-z,]+$/i.test(mode ?? '')
          ? "docker's other options (z, Z, cached, ...) are not there: leave them out"
          : 'a path with a colon in it cannot be given here: bind its parent, or use the library',
    });
  }
  if (!path.posix.isAbsolute(destination)) {
    throw refusal(
      'invalid-argument',
      text,
      `the path in the container must be absolute, not ${JSON.stringify(destination)}`,
    );
  }
  return {
    kind: 'bind',
    source: toSource(source, text, cwd),
    destination,
    readOnly: mode === 'ro',
  };
}

/** As docker has it: a path begins with a slash or a dot, all else is the name of a volume. */
function toSource(source: string, text: string, cwd: string): string {
  if (/^(?:\/|\.{1,2}(?:\/|$))/.test(source)) return path.resolve(cwd, source);
  if (source === '') throw refusal('invalid-argument', text, 'the path on the host is empty');
  if (/^~(?:\/|$)/.test(source)) {
    throw refusal('invalid-argument', text, 'the ~ has reached virtc as it was written', {
      hint: `the shell expands ~ only at the beginning of a word: write "$HOME${source.slice(1)}", or ./${source} for what is named so`,
    });
  }
  throw refusal('unsupported', text, 'this version has no named volumes yet', {
    hint: `to bind a directory of the host, write ./${source}`,
  });
}

function refusal(
  code: 'invalid-argument' | 'unsupported',
  text: string,
  reason: string,
  options: VirtcontainersErrorOptions = {},
): VirtcontainersError {
  return badFlag('--volume', text, reason, { ...options, code });
}
