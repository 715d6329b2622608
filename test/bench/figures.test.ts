// Tests of what a run's samples are turned into: medians, verdicts, tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { medianParts, type Row, statistics } from './figures.js';
import { toTable } from './report.js';
import { judge } from './targets.js';

for (const [samples, median] of [
  [[3], 3],
  [[4, 1], 2.5],
  [[10, 1, 2], 2],
  [[4, 3, 2, 1], 2.5],
] as const) {
  test(`the median of ${samples.join(' ')} is ${median}`, () => {
    assert.deepEqual(statistics(samples), {
      median,
      minimum: Math.min(...samples),
      maximum: Math.max(...samples),
    });
  });
}

test('no samples have no statistics', () => {
  assert.throws(() => statistics([]), /no samples/);
});

test('parts keep their order and each gets its own median', () => {
  const rounds = [
    [
      { name: 'spawn', value: 1 },
      { name: 'boot', value: 10 },
    ],
    [
      { name: 'spawn', value: 3 },
      { name: 'boot', value: 30 },
    ],
  ];
  assert.deepEqual(medianParts(rounds), [
    { name: 'spawn', value: 2 },
    { name: 'boot', value: 20 },
  ]);
});

const row = (name: string, value: number, unit: Row['unit'] = 'ms'): Row => ({
  name,
  unit,
  samples: [value],
});

for (const [value, verdict] of [
  [120, 'aim met'],
  [121, 'must met'],
  [250, 'must met'],
  [251, 'missed'],
] as const) {
  test(`an exec of ${value} ms is: ${verdict}`, () => {
    assert.equal(judge([row('exec of true', value)])[0]?.verdict, verdict);
  });
}

for (const [value, verdict] of [
  [20, 'aim met'],
  [10, 'must met'],
  [9.9, 'missed'],
] as const) {
  test(`a throughput of ${value} MB/s is: ${verdict}`, () => {
    assert.equal(judge([row('stdout throughput', value, 'MB/s')])[0]?.verdict, verdict);
  });
}

test('a figure with a floor is judged by what it takes beyond it, and not at all without it', () => {
  const version = row('virtc version', 100);
  const [, beyond] = judge([row('floor: node -e 0', 45), version]);
  assert.deepEqual([beyond?.judged, beyond?.verdict], [55, 'must met']);
  const [alone] = judge([version]);
  assert.deepEqual([alone?.judged, alone?.verdict], [undefined, undefined]);
});

test('a table has a line for each row, numbers in line to the right', () => {
  const [head = '', first = '', second = ''] = toTable([
    row('short', 1234.5),
    row('a longer name', 5),
  ]).split('\n');
  const end = head.indexOf('median') + 'median'.length;
  assert.ok(first.slice(0, end).endsWith(' 1235') && second.slice(0, end).endsWith(' 5.0'));
});
