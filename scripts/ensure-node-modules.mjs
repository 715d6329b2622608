// Installs the npm packages of the lock file if they are not what is installed.
// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Failure, root, run } from './project.mjs';

/** Runs `npm ci` where it is needed. @returns {Promise<boolean>} whether it has */
export async function ensureNodeModules() {
  if (isInstalled()) return false;
  console.error('installing npm packages');
  const { code } = await run('npm', ['ci', '--no-audit', '--no-fund'], { output: 'stderr' });
  if (code !== 0) throw new Failure('cannot install the npm packages: see above');
  return true;
}

/** Whether the installation's own lock file, which npm writes last, holds what ours demands. */
function isInstalled() {
  const installedFile = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = readPackages(path.join(root, 'package-lock.json'));
  const installed = readPackages(installedFile);
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const found = installed[name];
    // Optional ones are those of other platforms, too.
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** @param {string} file @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }>} */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return {};
  }
}
