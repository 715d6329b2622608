import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { sleep } from '../src/base/deadline.js';
import { tryLock } from '../src/base/native/lock.js';
import { processHandle, waitForDeath } from '../src/base/process-handle.js';
import { setupGuestImage } from './build.js';
import { ensureDebianPackages } from './debian-packages.js';
import { withLock } from './lock.js';
import { packageRoot } from './package-root.js';
import { runProgram } from './run-program.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-setup-'));
after(() => rm(base, { recursive: true, force: true }));

test('without an agent nothing is begun', async () => {
  const libRoot = path.join(base, 'lib');
  await assert.rejects(setupGuestImage({ libRoot, agentBundle: path.join(base, 'none.cjs') }), {
    code: 'not-found',
    hint: 'in a checkout, run npm run build',
  });
  assert.deepEqual(await readdir(base), []);
});

test('an aborted setup does nothing', async () => {
  const signal = AbortSignal.abort('enough');
  await assert.rejects(setupGuestImage({ libRoot: path.join(base, 'lib'), signal }), {
    code: 'cancelled',
    name: 'AbortError',
  });
});

test('the package is found from its build output', async () => {
  const description = JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8'));
  assert.equal(description.name, 'virtcontainers');
});

test('one at a time holds the lock; the other waits, tells so once, and goes on', async () => {
  const file = path.join(base, 'lock');
  const order: string[] = [];
  const first = withLock(file, { onWait: () => order.push('first waits') }, async () => {
    await sleep(300);
    order.push('first');
  });
  await sleep(20);
  const second = withLock(file, { onWait: () => order.push('second waits') }, async () => {
    order.push('second');
  });
  await Promise.all([first, second]);
  assert.deepEqual(order, ['second waits', 'first', 'second']);
});

test('waiting for the lock ends with the signal, and a failing work drops the lock', async () => {
  const file = path.join(base, 'lock');
  const held = await open(file, 'a');
  assert.ok(tryLock(held.fd, 'exclusive'));
  const options = { signal: AbortSignal.timeout(50), onWait: () => {} };
  await assert.rejects(
    withLock(file, options, async () => {}),
    { code: 'cancelled' },
  );
  await held.close();
  const failing = withLock(file, { onWait: () => {} }, () => Promise.reject(new Error('broken')));
  await assert.rejects(failing, { message: 'broken' });
  assert.equal(await withLock(file, { onWait: () => {} }, async () => 'free'), 'free');
});

test('packages that are there are not installed again', async () => {
  assert.deepEqual(await ensureDebianPackages(['dpkg', 'libc6']), []);
});

test('a program’s output comes back; its failure says what it said', async () => {
  assert.equal(await runProgram('printf', ['%s', 'a b;$c'], { what: 'cannot print' }), 'a b;$c');
  await assert.rejects(
    runProgram('sh', ['-c', 'echo out; echo first >&2; echo last >&2; exit 3'], {
      what: 'cannot try',
    }),
    { code: 'internal', message: 'cannot try: sh ended with 3: first; last' },
  );
  await assert.rejects(runProgram('sh', ['-c', 'kill -9 $$'], { what: 'cannot try' }), {
    message: 'cannot try: sh ended with SIGKILL: ',
  });
  await assert.rejects(runProgram('no-such-program', [], { what: 'cannot try' }), {
    code: 'not-found',
    message: 'cannot try: there is no program no-such-program',
  });
});

// Tells its own pid and those of two children, one of which has left its output, and none of which ends by itself.
const family = (file: string): readonly string[] => [
  '-c',
  `sleep 60 & sleep 60 >/dev/null 2>&1 & echo $$ $(jobs -p) > ${file}.new; mv ${file}.new ${file}; wait`,
];

async function told(file: string): Promise<readonly number[]> {
  for (let tries = 0; tries < 200; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text !== '') return text.trim().split(/\s+/).map(Number);
    await sleep(20);
  }
  throw new Error(`${file} was not written`);
}

async function assertEnded(pids: readonly number[]): Promise<void> {
  assert.equal(pids.length, 3);
  for (const pid of pids) {
    const handle = processHandle(pid);
    assert.ok(handle === null || (await waitForDeath(handle, 5_000)), `${pid} lives`);
  }
}

test('a program ends with the signal, and what it has started with it', async () => {
  const file = path.join(base, 'aborted');
  const abort = new AbortController();
  const running = runProgram('bash', family(file), { what: 'cannot build', signal: abort.signal });
  const pids = await told(file);
  abort.abort();
  await assert.rejects(running, { code: 'cancelled', message: 'cannot build: aborted' });
  await assertEnded(pids);
});

test('a program that takes too long ends, and what it has started with it', async () => {
  const file = path.join(base, 'late');
  const running = runProgram('bash', family(file), { what: 'cannot build', timeoutMs: 1_000 });
  await assert.rejects(running, {
    code: 'timeout',
    message: 'cannot build: bash did not end within 1000 ms',
  });
  await assertEnded(await told(file));
});

test('a program whose starter is killed ends, and what it has started with it', async () => {
  const file = path.join(base, 'orphan');
  const url = new URL('./run-program.js', import.meta.url).href;
  const script = `import { runProgram } from ${JSON.stringify(url)};
    await runProgram('bash', ${JSON.stringify(family(file))}, { what: 'cannot build' });`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const pids = await told(file);
  starter.kill('SIGKILL');
  await assertEnded(pids);
});

test('a program that pays no heed to SIGTERM is killed', { timeout: 30_000 }, async () => {
  const file = path.join(base, 'deaf');
  const signal = AbortSignal.timeout(500);
  const deaf = ['-c', `trap '' TERM; echo $$ > ${file}; while :; do sleep 1; done`];
  await assert.rejects(runProgram('sh', deaf, { what: 'cannot build', signal }), {
    code: 'cancelled',
  });
});
