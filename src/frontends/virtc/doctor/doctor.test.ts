// Tests of what `virtc doctor` prints, when it sets up, and its exit codes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Check } from '../../../doctor/check.js';
import { type DoctorFlags, doctor } from './doctor.js';

const good: Check = { name: 'node', status: 'ok', message: 'Node 20' };
const weak: Check = { name: 'accelerator', status: 'warn', message: 'TCG', hint: 'mind it' };
const bad: Check = {
  name: 'guest-image',
  status: 'fail',
  message: 'none\u001b[31m',
  hint: 'run virtc setup',
  fixedBySetup: true,
};

/** @param rounds what each round of checks finds */
async function run(flags: DoctorFlags, rounds: readonly (readonly Check[])[], failure?: Error) {
  const printed = { stdout: '', stderr: '' };
  const calls: string[] = [];
  const write = (name: keyof typeof printed) => (text: string) => {
    printed[name] += text;
  };
  const code = await doctor(flags, {
    check: async () => {
      calls.push('check');
      return rounds[calls.filter((call) => call === 'check').length - 1] ?? [];
    },
    setUp: async () => {
      calls.push('set up');
      if (failure !== undefined) throw failure;
    },
    streams: { stdout: { write: write('stdout') }, stderr: { write: write('stderr') } },
  });
  return { code, calls, ...printed };
}

test('a healthy host gives 0, also with warnings, and a line for each check', async () => {
  assert.deepEqual(await run({}, [[good, weak]]), {
    code: 0,
    calls: ['check'],
    stdout: [
      'ok    node         Node 20',
      'warn  accelerator  TCG',
      '                   hint: mind it',
      '',
    ].join('\n'),
    stderr: '',
  });
});

test('something that fails gives 1, with what other programs say escaped', async () => {
  const { code, stdout, calls } = await run({}, [[good, bad]]);
  assert.equal(code, 1);
  assert.match(stdout, /^fail {2}guest-image {2}none\\x1b\[31m\n +hint: run virtc setup\n$/m);
  assert.deepEqual(calls, ['check']);
});

test('JSON has every field of every check', async () => {
  const { code, stdout } = await run({ format: 'json' }, [[good, bad]]);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), {
    ok: false,
    checks: [{ ...good, hint: null, fixedBySetup: false }, bad],
  });
});

test('--fix sets up where that helps, and tells what is found after it', async () => {
  const { code, stdout, calls } = await run({ fix: true }, [[bad], [good]]);
  assert.deepEqual([code, calls], [0, ['check', 'set up', 'check']]);
  assert.equal(stdout, 'ok    node  Node 20\n');
});

test('--fix does nothing where a setup does not help', async () => {
  const { fixedBySetup: _, ...other } = bad;
  const { code, calls } = await run({ fix: true }, [[good, other]]);
  assert.deepEqual([code, calls], [1, ['check']]);
  assert.deepEqual((await run({ fix: true }, [[{ ...good, fixedBySetup: true }]])).calls, [
    'check',
  ]);
});

test('a setup that fails is told, and so is what is still missing', async () => {
  const { code, stdout, stderr } = await run(
    { fix: true },
    [[bad], [bad]],
    new Error('no network'),
  );
  assert.equal(code, 1);
  assert.equal(stderr, 'virtc: no network\n');
  assert.match(stdout, /^fail {2}guest-image/);
});

test('another format is refused before anything is looked at', async () => {
  await assert.rejects(run({ format: 'yaml' }, []), { code: 'invalid-argument' });
});
