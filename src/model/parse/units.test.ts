// Tests of sizes, durations, suggestions and how values are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxDurationMs, parseDuration } from '../parse-duration.js';
import { parseSize } from '../parse-size.js';
import { nearest } from './nearest.js';
import { showValue } from './show-value.js';

const MiB = 1024 * 1024;

const sizes: readonly [unknown, number, number | undefined][] = [
  [512, MiB, 512 * MiB],
  [0.5, MiB, MiB / 2],
  ['512MiB', MiB, 512 * MiB],
  ['512MiB', 1, 512 * MiB],
  ['1.5GiB', 1, 1.5 * 1024 * MiB],
  ['1GB', 1, 1e9],
  ['2KB', 1, 2000],
  ['2KiB', 1, 2048],
  ['100B', 1, 100],
  ['0.3B', 1, 1],
  [0, MiB, undefined],
  [-1, MiB, undefined],
  [Number.NaN, MiB, undefined],
  [Number.POSITIVE_INFINITY, MiB, undefined],
  [2 ** 53, MiB, undefined],
  ['512', MiB, undefined],
  ['512 MiB', MiB, undefined],
  ['512mib', MiB, undefined],
  ['MiB', MiB, undefined],
  ['-1MiB', MiB, undefined],
  ['1e3MiB', MiB, undefined],
  ['1.MiB', MiB, undefined],
  ['0MiB', MiB, undefined],
  ['512MiB\n', MiB, undefined],
  [`${'9'.repeat(16)}GiB`, 1, undefined],
  [null, MiB, undefined],
  [{}, MiB, undefined],
  [10n, MiB, undefined],
];
for (const [value, unit, expected] of sizes) {
  test(`the size ${showValue(value)} in units of ${unit} is ${expected}`, () => {
    assert.equal(parseSize(value, unit), expected);
  });
}

const durations: readonly [unknown, number | undefined][] = [
  [0, 0],
  [1.2, 2],
  ['30s', 30_000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['10ms', 10],
  ['0s', 0],
  [maxDurationMs, maxDurationMs],
  [maxDurationMs + 1, undefined],
  ['25000000s', undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  ['30', undefined],
  ['30 s', undefined],
  ['s', undefined],
  ['1d', undefined],
  [undefined, undefined],
  [[], undefined],
];
for (const [value, expected] of durations) {
  test(`the duration ${showValue(value)} is ${expected} ms`, () => {
    assert.equal(parseDuration(value), expected);
  });
}

test('whatever is given, a size or duration is a whole number in its bounds or nothing', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const size = parseSize(value, MiB);
      assert.ok(size === undefined || (Number.isSafeInteger(size) && size > 0));
      const duration = parseDuration(value);
      assert.ok(duration === undefined || (Number.isInteger(duration) && duration >= 0));
    }),
  );
});

test('a size as text is the same as its number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (mib) => {
      assert.equal(parseSize(`${mib}MiB`, 1), parseSize(mib, MiB));
      assert.equal(parseDuration(`${mib}ms`), parseDuration(mib));
    }),
  );
});

const meant: readonly [string, string | undefined][] = [
  ['memory', 'memoryMiB'],
  ['memoryMib', 'memoryMiB'],
  ['MEMORYMIB', 'memoryMiB'],
  ['cpu', 'cpus'],
  ['hostnme', 'hostname'],
  ['rootsf', 'rootfs'],
  ['zzzzzz', undefined],
  ['', undefined],
  ['x'.repeat(100_000), undefined],
];
for (const [name, expected] of meant) {
  test(`${name.slice(0, 20) || 'nothing'} most likely means ${expected}`, () => {
    assert.equal(nearest(name, ['memoryMiB', 'cpus', 'hostname', 'rootfs', 'labels']), expected);
  });
}

test('of a short word more than a letter must be right', () => {
  assert.equal(nearest('foo', ['ro', 'rw', 'size=']), undefined);
  assert.equal(nearest('kmv', ['auto', 'kvm', 'tcg']), 'kvm');
  assert.equal(nearest('rk', ['ro', 'exec']), 'ro');
});

test('whatever a value is, it is shown as one short printable line', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string({ unit: 'binary', maxLength: 500 })), (value) => {
      const shown = showValue(value);
      assert.ok(shown.length <= 400, shown);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('what a terminal would act on is escaped', () => {
  assert.equal(showValue('\u001b[31mred'), "'\\x1B[31mred'");
});

test('of objects and lists only the kind is shown', () => {
  const values = [{ password: 'x' }, ['x'], [], new Map([['a', 'x']]), () => 'x', new Error('x')];
  assert.deepEqual(values.map(showValue), [
    'an object',
    'a list',
    'an empty list',
    'an object',
    'a function',
    'an object',
  ]);
});
