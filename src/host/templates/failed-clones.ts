// Notes, for every process, of which templates clones have failed: an empty file per generation, beside the manifest.
import path from 'node:path';
import { errnoOf } from '../../base/errors.js';
import { type Files, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } from '../../base/files/files.js';
import { removeIfThere } from '../../base/files/own-files.js';
import { failurePattern, type TemplatePlace } from './template-place.js';

/*
 * A file each and not a number in one: processes whose clones fail at the same moment have nothing to agree on, and many
 * failures of one template are one.
 */

/** The directories of the generations that are noted. */
export function failedClones(files: Files, place: TemplatePlace): readonly string[] {
  return notes(files, place).map((name) => place.path(name.replace(failurePattern, '$1')));
}

/** Notes that a clone of a template failed; one that is no longer the current one has its successor already. */
export function noteFailedClone(files: Files, place: TemplatePlace, directory: string): void {
  if (!isCurrent(place, directory)) return;
  const note = place.path(`failed-${path.basename(directory)}`);
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  files.closeSync(files.openSync(note, flags, 0o600));
}

/** What failed before was not the template's fault, where a clone of the current one works. */
export function noteWorkingClone(files: Files, place: TemplatePlace, directory: string): void {
  if (notes(files, place).length > 0 && isCurrent(place, directory)) forget(files, place);
}

/** Forgets all failures: the next ones count anew. */
export function forget(files: Files, place: TemplatePlace): void {
  for (const name of notes(files, place)) removeIfThere(files, place.path(name));
}

function isCurrent(place: TemplatePlace, directory: string): boolean {
  const found = place.findManifest();
  return found.kind === 'manifest' && place.path(found.manifest.generation) === directory;
}

function notes(files: Files, place: TemplatePlace): readonly string[] {
  try {
    return files.readdirSync(place.directory).filter((name) => failurePattern.test(name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}
