// Builds dist/: every source file as plain JavaScript, the bundles of the command line and the guest, the declarations.
// Usage: node scripts/build.mjs [--fast]   (--fast leaves the declarations out)
// @ts-check
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const fast = process.argv.includes('--fast');

/** All TypeScript sources below a folder. @param {string} folder @returns {string[]} */
function sources(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => path.join(folder, name));
}

const shared = /** @type {const} */ ({
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
});

await build({
  ...shared,
  entryPoints: ['src', 'guest-image', 'test', 'examples'].flatMap(sources),
  outdir: 'dist',
  outbase: '.',
  format: 'esm',
});

// The command line: one small entry and lazily loaded chunks; the worker must lie beside them.
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};
const cliEntries = ['src/frontends/virtc/virtc.ts', 'src/base/namespaces/namespace-worker.ts'];
const cli = await build({
  ...shared,
  entryPoints: Object.fromEntries(cliEntries.map((file) => [path.basename(file, '.ts'), file])),
  outdir: 'dist/bin',
  format: 'esm',
  bundle: true,
  splitting: true,
  minify: true,
  metafile: true,
  external: ['koffi'],
  banner,
});

// The shim: a file of its own, for it lives as long as its pod and holds what it loads in memory.
const shim = await build({
  ...shared,
  entryPoints: ['src/frontends/shim/shim.ts'],
  outdir: 'dist/bin',
  format: 'esm',
  bundle: true,
  minify: true,
  metafile: true,
  external: ['koffi'],
  banner,
});

// The guest's agent: one file, run by the guest's own Node; its koffi lies on the guest's root image.
await build({
  ...shared,
  entryPoints: ['src/guest/main.ts'],
  outfile: 'dist/guest/agent.cjs',
  format: 'cjs',
  bundle: true,
  minify: true,
  sourcemap: false,
  alias: { koffi: './src/base/native/koffi-in-guest.ts' },
});

if (!fast) {
  const tsc = spawnSync(
    process.execPath,
    ['node_modules/typescript-native/bin/tsc', '--emitDeclarationOnly'],
    { stdio: 'inherit' },
  );
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
}

// Last, so that a program that runs meanwhile keeps its files as long as possible: what no source gives any more.
const kept = new Set([cli, shim].flatMap(({ metafile }) => Object.keys(metafile.outputs)));
for (const folder of ['src', 'guest-image', 'test', 'examples', 'bin']) {
  const files = existsSync(`dist/${folder}`)
    ? readdirSync(`dist/${folder}`, { recursive: true, encoding: 'utf8', withFileTypes: true })
    : [];
  for (const entry of files.filter((file) => file.isFile())) {
    const file = path.join(entry.parentPath, entry.name);
    const source = path.relative('dist', file).replace(/\.(d\.ts|js|js\.map)$/, '.ts');
    if (folder === 'bin' ? !kept.has(file) : !existsSync(source)) rmSync(file);
  }
}
