// Ids of pods, containers and processes: what is allowed, and fresh ones.
import { randomBytes } from 'node:crypto';
import { VirtcontainersError } from '../base/errors.js';

// No leading dot or dash and no slash: an id is also a file name and an argument.
const pattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/**
 * Checks an id: 1 to 128 of `A-Z a-z 0-9 _ . -`, the first a letter or digit.
 * @throws VirtcontainersError `invalid-argument`
 */
export function validateId(noun: 'pod' | 'container' | 'process', id: string): string {
  if (typeof id === 'string' && pattern.test(id)) return id;
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use ${noun} id ${JSON.stringify(String(id).slice(0, 200))}: it must be 1 to 128 letters, digits, '_', '.' or '-', beginning with a letter or digit`,
  );
}

/** A fresh id: 12 hexadecimal digits. */
export function newId(): string {
  return randomBytes(6).toString('hex');
}
