// Builds dist/ if any of its inputs has changed since it was built.
// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Failure, root, run } from './project.mjs';

const folders = ['src', 'guest-image', 'test', 'examples'];
const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build.mjs'];
const stampFile = path.join(root, 'dist/.inputs');

/**
 * Makes sure that dist/ is of the sources as they are.
 * @param {{ declarations?: boolean }} [options] declarations: those too, for whoever uses the package from TypeScript
 * @returns {Promise<boolean>} whether it has built
 */
export async function ensureBuild({ declarations = true } = {}) {
  const inputs = hashInputs();
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, 'utf8').split(' ') : [];
  if (stamp[0] === inputs && (!declarations || stamp[1] === 'declarations')) return false;
  // What sources that are gone have left would be tested and packed.
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const { code } = await run(
    process.execPath,
    ['scripts/build.mjs', ...(declarations ? [] : ['--fast'])],
    { output: 'stderr' },
  );
  if (code !== 0) throw new Failure('cannot build: see above');
  writeFileSync(stampFile, `${inputs} ${declarations ? 'declarations' : ''}`);
  return true;
}

function hashInputs() {
  const hash = createHash('sha256');
  for (const file of [...files, ...folders.flatMap(filesBelow)]) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  const whole = path.join(root, folder);
  if (!existsSync(whole)) return [];
  return readdirSync(whole, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}
