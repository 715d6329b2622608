// What `--tmpfs PATH[:OPTIONS]` means: docker's.
import path from 'node:path';
import type { MountOptions } from '../../../model/options.js';
import { tmpfsOptionFault, tmpfsOptionNames } from '../../../model/tmpfs-options.js';
import { badFlag, didYouMean } from '../flag-values.js';

type TmpfsOptions = Extract<MountOptions, { readonly kind: 'tmpfs' }>;

/**
 * Mounts of memory, of those at the same path the last one. Programs in it cannot be executed, unless it says `exec`.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toTmpfsMounts(texts: readonly string[]): readonly TmpfsOptions[] {
  const mounts = texts.map(toTmpfsMount);
  return [...new Map(mounts.map((mount) => [mount.destination, mount])).values()];
}

function toTmpfsMount(text: string): TmpfsOptions {
  const colon = text.indexOf(':');
  const place = colon < 0 ? text : text.slice(0, colon);
  if (!path.posix.isAbsolute(place)) {
    const rule = `the path in the container must be absolute, not ${JSON.stringify(place)}`;
    throw badFlag('--tmpfs', text, rule);
  }
  const destination = path.posix.resolve(place);
  if (destination === '/') {
    throw badFlag('--tmpfs', text, 'it must not be the root itself', {
      hint: 'the root is in memory already, unless --writes host or --read-only is given',
    });
  }
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  const given = rest === '' ? [] : rest.split(',');
  for (const option of given) {
    const fault = tmpfsOptionFault(option);
    if (fault === null) continue;
    throw badFlag('--tmpfs', text, `option ${JSON.stringify(option)} ${fault}`, {
      ...didYouMeanOption(option),
    });
  }
  return { kind: 'tmpfs', destination, options: ['noexec', ...given] };
}

function didYouMeanOption(option: string): { readonly hint?: string } {
  const name = option.replace(/=.*/s, '=');
  if (tmpfsOptionNames.includes(name)) return { hint: 'for example size=64m,mode=1777' };
  return didYouMean(name, tmpfsOptionNames, 'write for example --tmpfs /run:size=64m,mode=755');
}
