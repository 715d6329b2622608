// Tests of the waterfall: what has a line, where, and how it looks at several widths.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TraceSpan } from '../../../base/trace/trace-file.js';
import { drawWaterfall, type WaterfallStyle } from './waterfall.js';
import { toWaterfallRows } from './waterfall-rows.js';

const plain: WaterfallStyle = { columns: 80, unicode: false, colors: false };

function toSpan(
  id: number,
  name: string,
  [beginMs, endMs]: readonly [number, number],
  more: Partial<TraceSpan> = {},
): TraceSpan {
  const base = { parentId: null, lane: 'host', failed: false, args: {} } as const;
  return { id, name, beginMs, endMs, ...base, ...more };
}

const start: readonly TraceSpan[] = [
  toSpan(1, 'options', [0, 100]),
  toSpan(2, 'vm-spawn', [100, 300]),
  toSpan(3, 'jail', [100, 200], { parentId: 2 }),
  toSpan(4, 'run', [295, 1000], { lane: 'qemu' }),
  toSpan(5, 'vm-boot', [300, 900]),
  toSpan(6, 'kernel', [297, 600], { lane: 'guest-kernel', args: { clockErrorMs: 1.5 } }),
  toSpan(7, 'agent-load', [600, 800], { lane: 'guest-agent', args: { clockErrorMs: 2.5 } }),
  toSpan(8, 'first byte', [950, 950]),
];

const pictures: readonly (readonly [columns: number, picture: string])[] = [
  [
    70,
    `
trace: 1000 ms; the guest's times are exact to 2.5 ms
lane   step             begin      ms
host   options            0.0   100.0  ###
host   vm-spawn         100.0   200.0     ######
host     jail           100.0   100.0     ###
host     unaccounted    200.0   100.0        ...
qemu   run              295.0   705.0           ######################
host   vm-boot          300.0   600.0           ###################
kernel   kernel         297.0   303.0           ##########
agent    agent-load     600.0   200.0                    #######
host     unaccounted    800.0   100.0                          ....
host   first byte       950.0                                       *
host   unaccounted      900.0   100.0                             ....
`,
  ],
  [
    40,
    `
trace: 1000 ms; the guest's times are exact to 2.5 ms
lane   step           begin      ms
host   options          0.0   100.0  #
host   vm-spawn       100.0   200.0   ##
host     jail         100.0   100.0   #
host     unaccoun~    200.0   100.0    .
qemu   run            295.0   705.0    ########
host   vm-boot        300.0   600.0     ######
kernel   kernel       297.0   303.0    ####
agent    agent-lo~    600.0   200.0        ##
host     unaccoun~    800.0   100.0          .
host   first byte     950.0                   *
host   unaccounted    900.0   100.0           .
`,
  ],
];

for (const [columns, picture] of pictures) {
  test(`a line for each span, at a width of ${columns}`, () => {
    assert.equal(`\n${drawWaterfall(start, 1000, { ...plain, columns })}`, picture);
  });
}

test('no line but the first is wider than the terminal, unless there is no room at all', () => {
  for (const columns of [47, 60, 80, 100, 132, 300]) {
    for (const unicode of [true, false]) {
      const [, ...lines] = drawWaterfall(start, 1000, { columns, unicode, colors: false }).split(
        '\n',
      );
      const longest = Math.max(...lines.map((line) => [...line].length));
      assert.ok(longest <= columns, `${longest} of ${columns}`);
      assert.ok(longest > columns - 8, `${longest} of ${columns} are used`);
    }
  }
});

test('plain characters where nothing else can be shown, blocks and colours where they can', () => {
  const text = drawWaterfall(start, 1000, { ...plain, columns: 100 });
  assert.match(text, /^[\x20-\x7e\n]*$/);
  const blocks = drawWaterfall(start, 1000, { ...plain, unicode: true });
  assert.match(blocks, /█/);
  assert.match(blocks, /░/);
  assert.match(blocks, /◆/);
  assert.ok(!blocks.includes('\u001b'));
  const painted = drawWaterfall(start, 1000, { ...plain, colors: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are
  assert.equal(painted.replaceAll(/\u001b\[\d+m/g, ''), drawWaterfall(start, 1000, plain));
  assert.notEqual(painted, drawWaterfall(start, 1000, plain));
});

test('a name that could act on the terminal is escaped', () => {
  const text = drawWaterfall([toSpan(1, 'a\u001b[2J\nb', [0, 10])], 10, plain);
  assert.match(text, /^host {3}a\\x1b\[2J\\nb /m);
});

test('what failed is marked, and a run without a guest says so', () => {
  const text = drawWaterfall([toSpan(1, 'vm-spawn', [0, 10], { failed: true })], 10, plain);
  assert.match(text, /vm-spawn \(failed\)/);
  assert.match(text, /no times from the guest's agent/);
});

test("the guest's spans are under the innermost step of the host that they are in", () => {
  const { rows } = toWaterfallRows(start, 1000);
  const shown = rows.map(({ name, depth }) => `${depth} ${name}`);
  assert.deepEqual(shown, [
    '0 options',
    '0 vm-spawn',
    '1 jail',
    '1 unaccounted',
    '0 run',
    '0 vm-boot',
    '1 kernel',
    '1 agent-load',
    '1 unaccounted',
    '0 first byte',
    '0 unaccounted',
  ]);
});

test('spans that overlap leave no gap that is none', () => {
  const side = [toSpan(1, 'a', [0, 60]), toSpan(2, 'b', [10, 20]), toSpan(3, 'c', [60, 100])];
  const gaps = toWaterfallRows(side, 100).rows.filter(({ kind }) => kind === 'gap');
  assert.deepEqual(gaps, []);
});

test('a step that only QEMU is in has no parts that could leave a gap', () => {
  const qmp = [toSpan(1, 'qmp', [0, 90]), toSpan(2, 'start', [2, 90], { lane: 'qemu' })];
  const { rows } = toWaterfallRows(qmp, 90);
  assert.deepEqual(
    rows.map(({ name, depth }) => `${depth} ${name}`),
    ['0 qmp', '1 start'],
  );
});

test('spans in others that are too short are counted, those at the top have their line', () => {
  const { rows, leftOut } = toWaterfallRows(
    [
      toSpan(1, 'whole', [0, 10_000]),
      toSpan(2, 'short', [0, 1], { parentId: 1 }),
      toSpan(3, 'top', [10_000, 10_001]),
    ],
    10_001,
  );
  assert.deepEqual([rows.map(({ name }) => name), leftOut], [['whole', 'unaccounted', 'top'], 1]);
});

test('nothing at all is a picture too', () => {
  assert.match(drawWaterfall([], 0, plain), /^trace: 0 ms/);
});
