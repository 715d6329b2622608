// Tests of the public library as programs see it: what it exports, and that importing it does nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as library from './index.js';

test('the library exports these values and no others', () => {
  assert.deepEqual(Object.keys(library).sort(), [
    'VirtcontainersError',
    'createPod',
    'createRuntime',
    'createTrace',
    'deletePod',
    'errorCodes',
    'events',
    'gc',
    'isVirtcontainersError',
    'listPods',
    'logs',
    'openPod',
    'planPod',
    'podStatus',
    'templates',
    'version',
  ]);
});

test('importing it loads neither the schema library nor foreign functions, and keeps nothing alive', () => {
  const index = new URL('./index.js', import.meta.url).href;
  const script = `
    const { createRuntime } = await import(${JSON.stringify(index)});
    createRuntime({ runRoot: '/nonexistent/run', libRoot: '/nonexistent/lib' });
    const { createRequire } = await import('node:module');
    const native = Object.keys(createRequire('file:///').cache);
    const loaded = process.report.getReport().sharedObjects.filter((name) => name.includes('koffi'));
    console.log(JSON.stringify({ native, loaded, signals: process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') }));
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { encoding: 'utf8', timeout: 20_000 },
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { native: [], loaded: [], signals: 0 });
});

test('an unknown option is refused before anything is touched', () => {
  assert.throws(() => library.createRuntime({ runroot: '/x' } as never), {
    code: 'invalid-argument',
    message:
      'cannot create runtime: unknown option `runroot` for a runtime: did you mean `runRoot`?',
  });
});

test('its declarations compile for a program that names no types, as `tsc --init` has it', (t) => {
  const checkout = fileURLToPath(new URL('../..', import.meta.url));
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-types-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tsc = (...args: string[]): void => {
    const program = path.join(checkout, 'node_modules/typescript-native/bin/tsc');
    const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 50_000,
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
  };
  const emit = {
    extends: path.join(checkout, 'tsconfig.json'),
    compilerOptions: {
      rootDir: checkout,
      outDir: path.join(folder, 'dist'),
      typeRoots: [path.join(checkout, 'node_modules/@types')],
      emitDeclarationOnly: true,
    },
    include: [path.join(checkout, 'src')],
  };
  writeFileSync(path.join(folder, 'emit.json'), JSON.stringify(emit));
  tsc('--project', 'emit.json');
  const compilerOptions = {
    module: 'nodenext',
    target: 'esnext',
    types: [],
    typeRoots: [path.join(checkout, 'node_modules/@types')],
    paths: { virtcontainers: ['./dist/src/index.d.ts'] },
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  };
  const files = { compilerOptions, files: ['program.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(files));
  writeFileSync(
    path.join(folder, 'program.ts'),
    `import { createPod } from 'virtcontainers';
    export const run = async (): Promise<number | null> => {
      const pod = await createPod();
      const container = await pod.createContainer({ rootfs: '/r', command: ['a'], stopSignal: 'SIGINT' });
      container.stdout.on('data', (chunk) => chunk);
      return (await container.wait()).code;
    };`,
  );
  tsc('--project', folder);
});
