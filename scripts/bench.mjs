// Measures the product on this machine. Usage: node scripts/bench.mjs [--out DIR] [part of a row's name]
// @ts-check
import { spawn } from 'node:child_process';
import { ensureDebianRootfs } from './debian-rootfs.mjs';
import { root, runScript } from './project.mjs';
import { setup } from './setup.mjs';

await runScript(async () => {
  await setup();
  await ensureDebianRootfs();
  // With a collector that can be called: what waits to be collected is not growth.
  const args = ['--expose-gc', 'dist/test/bench/main.js', ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  // It ends its VMs, then this script. Twice, by a terminal and by this, is no more than once.
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(name, () => child.kill(name));
  }
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
});
