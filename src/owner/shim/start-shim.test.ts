// Tests of starting a shim, with small programs in its place: what it has of its starter, and the ways in which it fails.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { VirtcontainersError } from '../../base/errors.js';
import { isAlive, processHandle } from '../../base/process-handle.js';
import { defaults } from '../../model/defaults.js';
import type { ProgressEvent } from '../../model/progress.js';
import type { ShimRequest } from './shim-protocol.js';
import { spawnShim } from './spawn-shim.js';
import { type ShimProcess, startShim } from './start-shim.js';

const request: ShimRequest = {
  version: '1.0.0',
  config: { runRoot: '/r', libRoot: '/l', guestImage: null, accelerator: 'auto', defaults },
  pod: { id: 'p', hostname: 'p', cpus: 1, memoryMiB: 512, labels: {} },
  template: true,
  logLevel: 'info',
};

/** Starts a program of a few lines, which has `say` and `readFileSync`, as a shim. */
function start(
  script: string,
  options: { readonly signal?: AbortSignal; readonly told?: ProgressEvent[] } = {},
): { readonly starting: ReturnType<typeof startShim>; readonly shim: () => ShimProcess } {
  let shim: ShimProcess | undefined;
  const prelude = `const say = (m) => process.stdout.write(JSON.stringify(m) + '\\n'); const fs = require('node:fs');`;
  const starting = startShim(
    request,
    () => {
      const args = ['--eval', `${prelude}\n${script}`];
      shim = spawnShim({ program: process.execPath, args, environment: { ONLY: 'this' } });
      return shim;
    },
    {
      signal: options.signal ?? new AbortController().signal,
      onProgress: (event) => options.told?.push(event),
      onWarning: () => {},
    },
  );
  return {
    starting,
    shim: () => {
      assert.ok(shim !== undefined);
      return shim;
    },
  };
}

// What is let go keeps no process alive, and is waited for here.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

test('a shim has a session of its own, no directory, no environment and no descriptors but pipes', async () => {
  const { starting } = start(`
    const session = fs.readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[3];
    const ours = fs.readdirSync('/proc/' + process.ppid + '/fd').map((fd) => { try { return fs.readlinkSync('/proc/' + process.ppid + '/fd/' + fd); } catch { return ''; } });
    const open = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } });
    const shared = open.filter((target) => ours.includes(target) && /^(pipe|socket|\\/(?!dev\\/null))/.test(target) && !/\\/fd$/.test(target));
    say({ kind: 'error', error: { code: 'internal', message: 'look', details: { own: Number(session) === process.pid, cwd: process.cwd(), env: process.env, shared } } });
  `);
  await assert.rejects(starting, (error) => {
    assert.ok(error instanceof VirtcontainersError);
    const expected = { own: true, cwd: '/', env: { ONLY: 'this' }, shared: [] };
    assert.deepEqual(error.details, expected);
    return true;
  });
});

test('its messages are told, and its pod is accepted by a word', async () => {
  const told: ProgressEvent[] = [];
  const { starting, shim } = start(
    `
    let text = '';
    process.stdin.on('data', (chunk) => { text += chunk; });
    process.stdin.on('end', () => process.exit(text.endsWith('\\naccepted\\n') ? 7 : 1));
    say({ kind: 'started' });
    console.log('not a message');
    say({ kind: 'progress', event: { step: 'store', phase: 'begin', podId: 'p' } });
    say({ kind: 'ready' });
  `,
    { told },
  );
  const started = await starting;
  assert.deepEqual(told, [{ step: 'store', phase: 'begin', podId: 'p' }]);
  await started.accept();
  assert.equal(await shim().exited, 'it exited with code 7');
});

test('one that ends without a word is told with how it ended and what it printed', async () => {
  const { starting, shim } = start(`console.error('out of luck'); process.kill(process.pid, 9);`);
  await assert.rejects(starting, (error) => {
    assert.ok(error instanceof VirtcontainersError);
    assert.equal(error.code, 'unavailable');
    assert.equal(
      error.message,
      'cannot create pod p: its shim has ended before the pod was ready: SIGKILL ended it',
    );
    assert.deepEqual(error.details, { shimPid: shim().pid, stderrTail: 'out of luck' });
    return true;
  });
});

test('a program that is not there is an error', async () => {
  const missing = { program: '/nonexistent/node', args: [], environment: {} };
  const options = {
    signal: new AbortController().signal,
    onProgress: () => {},
    onWarning: () => {},
  };
  await assert.rejects(
    startShim(request, () => spawnShim(missing), options),
    /it could not be started: .*ENOENT/,
  );
});

test('an abort closes its input and waits until it has undone what it had begun', async () => {
  const abort = new AbortController();
  const { starting, shim } = start(
    `
    say({ kind: 'started' });
    process.stdin.resume().on('end', () => setTimeout(() => process.exit(3), 200));
  `,
    { signal: abort.signal },
  );
  setTimeout(() => abort.abort(new Error('enough')), 300);
  await assert.rejects(starting, { name: 'AbortError' });
  const handle = processHandle(shim().pid);
  assert.ok(handle === null || !isAlive(handle));
  assert.equal(await shim().exited, 'it exited with code 3');
});
