// What the file system fails with, as the project's error.
import { reasonOf, VirtcontainersError } from '../errors.js';

/** Errors that are ours already stay as they are. @param what `cannot <verb> <noun> <id>` */
export function toFileError(error: unknown, what: string, path: string): VirtcontainersError {
  if (error instanceof VirtcontainersError) return error;
  const reason = reasonOf(error);
  // What is about a descriptor names no place, or one below /proc.
  const place = reason.includes(path) ? '' : ` (in ${path})`;
  return new VirtcontainersError('internal', `${what}: ${reason}${place}`, {
    cause: error,
    details: { path },
  });
}
