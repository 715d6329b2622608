// Tests of the notation of `-m` and `--cpus`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toCpus, toMemory } from './sizes.js';

const memory: readonly [string, string][] = [
  ['1', '1B'],
  ['536870912', '536870912B'],
  ['100b', '100B'],
  ['1k', '1024B'],
  ['512m', '536870912B'],
  ['512M', '536870912B'],
  ['512mb', '536870912B'],
  ['512MiB', '536870912B'],
  ['512 MiB', '536870912B'],
  ['1g', '1073741824B'],
  ['1.5g', '1610612736B'],
  ['0.3m', '314572B'],
  ['2t', '2199023255552B'],
];
for (const [text, expected] of memory) {
  test(`-m ${text} is ${expected}`, () => assert.equal(toMemory(text), expected));
}

const noMemory = [
  '',
  '0',
  '0m',
  '-1m',
  'm',
  'ib',
  '1ib',
  '1bb',
  '1x',
  '1e3',
  '1m2',
  '.5m',
  '1.m',
  ' 1m',
  '1m\n',
  '9'.repeat(40),
  'NaN',
  '0x10',
];
for (const text of noMemory) {
  test(`-m ${JSON.stringify(text.slice(0, 20))} is refused`, () => {
    assert.throws(() => toMemory(text), {
      code: 'invalid-argument',
      message: /cannot use --memory/,
    });
  });
}

const cpus: readonly [string, number][] = [
  ['1', 1],
  ['2', 2],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['2.', 2],
  ['0.01', 0.01],
];
for (const [text, expected] of cpus) {
  test(`--cpus ${text} is ${expected}`, () => assert.equal(toCpus(text), expected));
}

for (const text of ['', '0', '0.0', '-1', '.', '1e3', 'two', '1 ', 'Infinity', '9'.repeat(400)]) {
  test(`--cpus ${JSON.stringify(text.slice(0, 20))} is refused`, () => {
    assert.throws(() => toCpus(text), { code: 'invalid-argument', message: /cannot use --cpus/ });
  });
}
