// Checks whether pods are left whose owner is dead, or whose record is damaged.
import type { PodListEntry } from '../model/pod.js';
import { type Finding, ok, warn } from './check.js';

/** Named at most, so that the message stays a line. */
const maxNamed = 5;

export function checkLeftovers(entries: readonly PodListEntry[]): Finding {
  const damaged = entries.filter((entry) => 'error' in entry);
  const dead = entries.filter((entry) => !('error' in entry) && !entry.ownerAlive);
  const running = entries.length - damaged.length - dead.length;
  if (damaged.length + dead.length === 0) {
    return ok(`nothing is left of dead owners; pods of living ones: ${running}`);
  }
  const parts = [
    dead.length > 0 ? `of dead owners: ${names(dead)}` : '',
    damaged.length > 0 ? `with records that cannot be read: ${names(damaged)}` : '',
  ];
  return warn(`pods are left ${parts.filter(Boolean).join('; ')}`, { hint: 'run virtc gc' });
}

function names(entries: readonly { readonly id: string }[]): string {
  const named = entries.slice(0, maxNamed).map(({ id }) => id);
  const more = entries.length - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
