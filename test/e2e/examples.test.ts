// The examples, run as their README says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, debian, E2e, type Finished, type RunOptions } from './harness.js';

const e2e = new E2e('examples');

async function example(name: string, options: RunOptions = {}): Promise<Finished> {
  const file = path.join(checkout, 'dist/examples', `${name}.js`);
  return await e2e.start(process.execPath, [file, debian], options).finished;
}

test('hello prints a kernel release and how the container ended', async () => {
  const { code, stdout, stderr } = await example('hello');
  assert.equal(code, 0, stderr);
  assert.match(stdout.toString(), /^\d+\.\d+\S*\n$/);
  assert.match(stderr, /code: 0, signal: null, reason: 'exited'/);
});

test('run-python runs the demonstration’s program in another machine', async () => {
  const input = readFileSync(path.join(checkout, 'examples/primes.py'));
  const { code, stdout, stderr } = await example('run-python', {
    input,
    env: { TIMEOUT_MS: '100000' },
  });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout.toString(), /^Python 3\.\S+ as uid 65534 on [0-9a-f]{12}, Linux /);
  assert.match(stdout.toString(), /\n148933 primes below 2000000, counted in /);
  assert.ok(!stdout.toString().includes(`Linux ${release()}\n`));
});

test('run-python passes a failure on, and ends a program that takes too long', async () => {
  const failed = await example('run-python', { input: 'import sys; sys.exit("no")' });
  assert.deepEqual([failed.code, failed.stdout.toString(), failed.stderr], [1, '', 'no\n']);
  const endless = await example('run-python', {
    input: 'while True: pass',
    env: { TIMEOUT_MS: '3000' },
  });
  assert.equal(endless.code, 124);
  assert.match(endless.stderr, /took too long/);
});

test('volumes reads one directory, writes another and cannot write the first', async () => {
  const { code, stdout, stderr } = await example('volumes');
  assert.deepEqual([code, stdout.toString()], [0, 'apple\nfig\npear\n\n']);
  assert.match(stderr, /Read-only file system/);
});

test('exec runs more processes and shows progress and timings', async () => {
  const { code, stdout, stderr } = await example('exec');
  assert.deepEqual(
    [code, stdout.toString()],
    [
      0,
      'hostname -> 0 workbench\nsh -c echo hello > /tmp/greeting -> 0 \ncat /tmp/greeting -> 0 hello\n',
    ],
    stderr,
  );
  assert.match(stderr, /^vm-boot…$/m);
  assert.match(stderr, /^vm-boot: \d+ ms$/m);
});
