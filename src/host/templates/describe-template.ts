// Says what is known of a template, whatever state it is in.
import path from 'node:path';
import { errnoOf, reasonOf } from '../../base/errors.js';
import type { Files } from '../../base/files/files.js';
import { requireOwnDirectory } from '../../base/files/own-files.js';
import type { Manifest } from './manifest.js';
import { checkParts, templateFiles } from './template-parts.js';
import type { TemplatePlace } from './template-place.js';
import type { StoredTemplate } from './templates.js';

/** Null where there is none: it was removed, or its first builder is at it. */
export function describeTemplate(files: Files, place: TemplatePlace): StoredTemplate | null {
  try {
    if (!place.isDirectory()) return null;
    const found = place.findManifest();
    if (found.kind === 'none') {
      if (place.isLocked()) return null;
      return describe(files, place, { problem: 'it has no manifest' });
    }
    if (found.kind === 'unreadable') return describe(files, place, { problem: found.reason });
    const { manifest } = found;
    return describe(files, place, { manifest, problem: findProblem(files, place, manifest) });
  } catch (error) {
    if (!place.isDirectory()) return null;
    return describe(files, place, { problem: reasonOf(error) });
  }
}

function describe(
  files: Files,
  place: TemplatePlace,
  known: { readonly manifest?: Manifest; readonly problem: string | null },
): StoredTemplate {
  const { manifest, problem } = known;
  return {
    id: place.id,
    guestImage: manifest?.guestImage ?? null,
    accelerator: manifest?.accelerator ?? null,
    cpus: manifest?.cpus ?? null,
    memoryMiB: manifest?.memoryMiB ?? null,
    createdAt: manifest?.createdAt ?? null,
    lastUsedAt: new Date(lastUse(files, place)).toISOString(),
    qemuVersion: manifest?.qemuVersion ?? null,
    sizeBytes: sizeOnDisk(files, place.directory),
    buildMs: manifest?.buildMs ?? null,
    problem,
  };
}

function findProblem(files: Files, place: TemplatePlace, manifest: Manifest): string | null {
  try {
    for (const directory of [place.root, place.directory]) requireOwnDirectory(files, directory);
    checkParts(files, templateFiles(place.path(manifest.generation)), manifest);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

function lastUse(files: Files, place: TemplatePlace): number {
  for (const file of [place.manifestFile, place.directory]) {
    try {
      return files.lstatSync(file).mtimeMs;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return 0;
}

/** What vanishes meanwhile takes nothing. */
function sizeOnDisk(files: Files, file: string): number {
  try {
    const stat = files.lstatSync(file);
    const names = stat.isDirectory() ? files.readdirSync(file) : [];
    const sizes = names.map((name) => sizeOnDisk(files, path.join(file, name)));
    return sizes.reduce((sum, size) => sum + size, stat.blocks * 512);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
