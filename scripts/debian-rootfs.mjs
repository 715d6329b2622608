// Makes the Debian root file system that the demonstration and the tests run containers in, once.
// @ts-check
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { built, Failure, libRoot, run, runScript, secondsSince } from './project.mjs';

/** What decides about the tree; raise the revision when the way of making it changes. */
const recipe = { revision: 1, variant: 'minbase', packages: ['python3', 'procps'] };

/**
 * Gives the directory of a Debian with python3, made if it is not there.
 * Its parent has mode 0700: a program in a container may leave setuid files, which no other user of the host must reach.
 * @returns {Promise<string>}
 */
export async function ensureDebianRootfs() {
  const parent = path.join(libRoot, 'rootfs');
  const target = path.join(parent, 'debian');
  const stamp = path.join(parent, 'debian.recipe');
  const wanted = JSON.stringify(recipe);
  if (existsSync(target) && (await readFile(stamp, 'utf8').catch(() => '')) === wanted)
    return target;

  const { withLock } = await built('guest-image/lock.js');
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const onWait = () => console.error('  waiting for another setup to end');
  return withLock(path.join(parent, 'lock'), { onWait }, async () => {
    if (existsSync(target) && (await readFile(stamp, 'utf8').catch(() => '')) === wanted)
      return target;
    for (const name of await readdir(parent)) {
      if (name.startsWith('.building-'))
        await rm(path.join(parent, name), { recursive: true, force: true });
    }
    const scratch = await mkdtemp(path.join(parent, '.building-'));
    try {
      await make(scratch);
      // The stamp goes first and comes last: a tree without one is made anew.
      await rm(stamp, { force: true });
      if (existsSync(target)) await rename(target, path.join(scratch, 'old'));
      await rename(path.join(scratch, 'tree'), target);
      await writeFile(stamp, wanted);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
    return target;
  });
}

/** @param {string} scratch */
async function make(scratch) {
  const begin = performance.now();
  const { ensureDebianPackages, rootfsPackages } = await built('guest-image/debian-packages.js');
  const { findDebianSources } = await built('guest-image/debian-archive.js');
  await ensureDebianPackages(rootfsPackages, {
    onInstall: (/** @type {string[]} */ missing) =>
      console.error(`  installing Debian packages ${missing.join(' ')}`),
  });
  console.error('  making a Debian root file system with python3');
  const { text, codename } = await findDebianSources();
  const sources = path.join(scratch, 'debian.sources');
  const settings = path.join(scratch, 'apt.conf');
  await writeFile(sources, text);
  await writeFile(settings, await downloadSettings());
  const args = [
    '--quiet',
    `--variant=${recipe.variant}`,
    `--include=${recipe.packages.join(',')}`,
    `--aptopt=${settings}`,
    // Documents and translations are of no use to a program in a container.
    '--dpkgopt=path-exclude=/usr/share/doc/*',
    '--dpkgopt=path-exclude=/usr/share/man/*',
    '--dpkgopt=path-exclude=/usr/share/locale/*',
    codename,
    path.join(scratch, 'tree'),
    sources,
  ];
  const { code, output } = await run('mmdebstrap', args, {
    output: 'keep',
    timeoutMs: 10 * 60_000,
  });
  if (code !== 0)
    throw new Failure(
      `cannot make a Debian root file system: mmdebstrap failed\n${output.trimEnd()}`,
    );
  console.error(`  done: making a Debian root file system, ${secondsSince(begin)} s`);
}

/** How the machine's apt reaches the archive (proxies and the like), as apt's configuration. */
async function downloadSettings() {
  const { output } = await run('apt-config', ['dump', '--no-empty', 'Acquire'], { output: 'keep' });
  const wanted = /^Acquire::(https?|Check-|ForceIP|Retries|Proxy)/i;
  return output
    .split('\n')
    .filter((line) => wanted.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

if (
  process.argv[1] !== undefined &&
  path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  await runScript(async () => console.log(await ensureDebianRootfs()));
}
