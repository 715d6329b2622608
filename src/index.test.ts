// Tests of the public library as programs see it: what it exports, and that importing it does nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import * as library from './index.js';

test('the library exports these values and no others', () => {
  assert.deepEqual(Object.keys(library).sort(), [
    'VirtcontainersError',
    'createPod',
    'createRuntime',
    'deletePod',
    'gc',
    'isVirtcontainersError',
    'listPods',
    'podStatus',
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
