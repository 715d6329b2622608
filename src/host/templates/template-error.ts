// What the file system fails with while templates are kept, as the project's error.
import { errnoOf, VirtcontainersError } from '../../base/errors.js';
import { toFileError } from '../../base/files/file-error.js';

/** Errors that are ours already stay as they are. */
export function toTemplateError(
  error: unknown,
  failed: { readonly verb: string; readonly id: string; readonly directory: string },
): VirtcontainersError {
  const ours = toFileError(error, `cannot ${failed.verb} template ${failed.id}`, failed.directory);
  const errno = errnoOf(ours.cause);
  if (errno !== 'ENOSPC' && errno !== 'EDQUOT') return ours;
  return new VirtcontainersError(ours.code, ours.message, {
    cause: ours.cause,
    details: ours.details,
    hint: `free some space there, or remove templates that are not needed`,
  });
}
