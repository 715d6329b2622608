// Makes a fresh clone ready: npm packages, the build, Debian packages, the guest image. A second where all is there.
// Runs on plain Node, with nothing installed.
// @ts-check
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuild } from './ensure-build.mjs';
import { ensureNodeModules } from './ensure-node-modules.mjs';
import { built, Failure, libRoot, runScript, secondsSince } from './project.mjs';

/** Does what is missing, telling each step on standard error. */
export async function setup() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (!(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19))) {
    throw new Failure(
      `cannot set up with Node ${process.versions.node}: it must be 20.19 or newer, or 22.12 or newer`,
    );
  }
  const begin = performance.now();
  const done = [];
  if (await ensureNodeModules()) done.push('npm packages');
  if (await ensureBuild()) done.push('build');
  const { setupGuestImage } = await built('guest-image/build.js');
  const image = await setupGuestImage({ libRoot, onProgress: tell });
  if (image.built.length > 0) done.push(`guest image (${image.built.join(', ')})`);
  const what = done.length === 0 ? 'all is there' : `made ${done.join(', ')}`;
  console.error(`setup: ${what}, ${secondsSince(begin)} s; guest image ${image.directory}`);
}

/** @param {{ phase: string, message: string, durationMs?: number }} event */
function tell({ phase, message, durationMs }) {
  if (phase === 'end')
    console.error(`  done: ${message}, ${((durationMs ?? 0) / 1000).toFixed(1)} s`);
  else console.error(`  ${message}`);
}

if (
  process.argv[1] !== undefined &&
  path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  await runScript(setup);
}
