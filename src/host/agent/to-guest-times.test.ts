// Tests of a guest's times that cannot be: nothing of them is believed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { TraceResponseSchema } from '../../wire/gen/agent_pb.js';
import { toGuestTimes } from './to-guest-times.js';

type Mark = readonly [name: string, uptimeUs: number];
type Span = readonly [name: string, beginUs: number, endUs: number, parent?: number];

function times(marks: readonly Mark[], spans: readonly Span[] = [], answeredUs = 1_000_000) {
  return toGuestTimes(
    create(TraceResponseSchema, {
      askedUs: 900_000n,
      answeredUs: BigInt(answeredUs),
      bootMarks: marks.map(([name, uptimeUs]) => ({ name, uptimeUs: BigInt(uptimeUs) })),
      spans: spans.map(([name, beginUs, endUs, parent = 0]) => ({
        name,
        beginUs: BigInt(beginUs),
        endUs: BigInt(endUs),
        parent,
      })),
      dropped: 2,
    }),
  );
}

test('times that can be are taken over in milliseconds', () => {
  const found = times(
    [
      ['kernel', 1500],
      ['modules', 1500],
    ],
    [
      ['createContainer', 2000, 5000],
      ['crun-create', 2500, 5000, 1],
    ],
  );
  assert.deepEqual(found, {
    bootMarks: [
      { name: 'kernel', atMs: 1.5 },
      { name: 'modules', atMs: 1.5 },
    ],
    spans: [
      { name: 'createContainer', beginMs: 2, endMs: 5, parent: null, failed: false },
      { name: 'crun-create', beginMs: 2.5, endMs: 5, parent: 0, failed: false },
    ],
    askedMs: 900,
    answeredMs: 1000,
    dropped: 2,
  });
});

const badMarks: readonly (readonly [title: string, marks: readonly Mark[], kept: string[]])[] = [
  [
    'a mark that goes back',
    [
      ['a', 5],
      ['b', 4],
      ['c', 6],
    ],
    ['a', 'c'],
  ],
  [
    'a mark after now',
    [
      ['a', 5],
      ['b', 1_000_001],
    ],
    ['a'],
  ],
  ['an empty name', [['', 5]], []],
  ['a name with an escape', [['\u001b[2J', 5]], []],
  ['a name with a newline', [['a\nb', 5]], []],
  ['a name that changes direction', [['a\u202eb', 5]], []],
  ['a name that is too long', [['x'.repeat(41), 5]], []],
];
for (const [title, marks, kept] of badMarks) {
  test(`${title} is left out and counted`, () => {
    const found = times(marks);
    assert.deepEqual(
      found.bootMarks.map(({ name }) => name),
      kept,
    );
    assert.equal(found.dropped, 2 + marks.length - kept.length);
  });
}

const badSpans: readonly (readonly [title: string, spans: readonly Span[], kept: string[]])[] = [
  ['a span that ends before it begins', [['a', 5, 4]], []],
  ['a span that ends after now', [['a', 5, 1_000_001]], []],
  ['a span with an escape in its name', [['\u009b31m', 5, 6]], []],
  [
    'a span that sticks out of its parent',
    [
      ['a', 5, 9],
      ['b', 5, 10, 1],
    ],
    ['a'],
  ],
  ['a span in itself', [['a', 5, 6, 1]], []],
  [
    'a span in a later one',
    [
      ['a', 5, 6, 2],
      ['b', 5, 6],
    ],
    ['b'],
  ],
  [
    'a span in one that is not believed',
    [
      ['a', 9, 6],
      ['b', 5, 6, 1],
    ],
    [],
  ],
  ['a span in none that there is', [['a', 5, 6, 4_000_000_000]], []],
];
for (const [title, spans, kept] of badSpans) {
  test(`${title} is left out and counted`, () => {
    const found = times([], spans);
    assert.deepEqual(
      found.spans.map(({ name }) => name),
      kept,
    );
    assert.equal(found.dropped, 2 + spans.length - kept.length);
  });
}

test('parents are found after others were left out', () => {
  const found = times(
    [],
    [
      ['bad\n', 0, 1],
      ['a', 5, 9],
      ['b', 6, 7, 2],
    ],
  );
  assert.deepEqual(
    found.spans.map(({ name, parent }) => [name, parent]),
    [
      ['a', null],
      ['b', 0],
    ],
  );
});

test('more than there can be are counted only', () => {
  const many = Array.from({ length: 5000 }, (_, index) => index);
  const found = times(
    many.map((index) => ['m', index]),
    many.map((index) => ['s', index, index + 1]),
  );
  assert.equal(found.bootMarks.length, 32);
  assert.equal(found.spans.length, 512);
  assert.equal(found.dropped, 2 + 10_000 - 32 - 512);
});

test('whatever comes, all is bounded, in order and in a number that keeps its digits', () => {
  const us = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const name = fc.oneof(fc.constantFrom('a', 'kernel'), fc.string());
  const marks = fc.array(fc.record({ name, uptimeUs: us }), { maxLength: 40 });
  const parent = fc.nat(12);
  const spans = fc.array(fc.record({ name, beginUs: us, endUs: us, parent }), { maxLength: 12 });
  fc.assert(
    fc.property(us, us, marks, spans, (askedUs, answeredUs, bootMarks, all) => {
      const message = create(TraceResponseSchema, { askedUs, answeredUs, bootMarks, spans: all });
      const found = toGuestTimes(message);
      assert.ok(0 <= found.askedMs && found.askedMs <= found.answeredMs);
      assert.ok(found.answeredMs * 1000 <= Number.MAX_SAFE_INTEGER);
      let last = 0;
      for (const { atMs } of found.bootMarks) {
        assert.ok(last <= atMs && atMs <= found.answeredMs);
        last = atMs;
      }
      found.spans.forEach((span, index) => {
        assert.ok(span.beginMs <= span.endMs && span.endMs <= found.answeredMs);
        assert.ok(/^[\x20-\x7e]{1,40}$/.test(span.name));
        if (span.parent === null) return;
        const around = found.spans[span.parent];
        assert.ok(span.parent < index && around !== undefined);
        assert.ok(around.beginMs <= span.beginMs && span.endMs <= around.endMs);
      });
    }),
  );
});
