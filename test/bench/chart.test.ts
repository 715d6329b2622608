import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsChart, targetsChart } from './chart.js';
import type { Row } from './figures.js';

const bars = (svg: string, kind: string): number[] =>
  [...svg.matchAll(new RegExp(`class="${kind}" x="[\\d.]+" y="\\d+" width="([\\d.]+)"`, 'g'))].map(
    ([, width]) => Number(width),
  );

test('a bar is as long as its figure is of its must, and tells by its colour which bound it holds', () => {
  const row = (samples: readonly number[]): Row => ({ name: 'exec of true', unit: 'ms', samples });
  const [half] = bars(targetsChart([row([125])]), 'must-met');
  const [whole] = bars(targetsChart([row([250])]), 'must-met');
  assert.ok(half !== undefined && whole !== undefined);
  assert.ok(Math.abs(whole - 2 * half) < 0.2, `${half} ${whole}`);
  assert.equal(bars(targetsChart([row([100])]), 'aim-met').length, 1);
  const [cut] = bars(targetsChart([row([9999])]), 'missed');
  assert.ok(cut !== undefined && Math.abs(cut - 1.5 * whole) < 0.2);
});

test('a rate is drawn the other way round: twice of what it must be is half a bar', () => {
  const row = (sample: number): Row => ({
    name: 'stdout throughput',
    unit: 'MB/s',
    samples: [sample],
  });
  const [must] = bars(targetsChart([row(10)]), 'must-met');
  const [aim] = bars(targetsChart([row(20)]), 'aim-met');
  assert.ok(must !== undefined && aim !== undefined && Math.abs(must - 2 * aim) < 0.2);
});

test('a figure beyond a floor is drawn without it, and one whose floor is missing not at all', () => {
  const version: Row = { name: 'virtc version', unit: 'ms', samples: [100] };
  const floor: Row = { name: 'floor: node -e 0', unit: 'ms', samples: [60] };
  assert.match(targetsChart([floor, version]), />40\.0 of 80 ms</);
  assert.doesNotMatch(targetsChart([version]), /rect/);
});

test('parts follow each other and fill the whole', () => {
  const parts = [
    { name: 'a < b & c', value: 30 },
    { name: 'rest', value: 10 },
  ];
  const chart = partsChart({ name: 'x', unit: 'ms', samples: [40], parts });
  const rects = [...chart.matchAll(/class="part" x="([\d.]+)" y="\d+" width="([\d.]+)"/g)];
  const [first, second] = rects.map(([, x, width]) => ({ x: Number(x), width: Number(width) }));
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(first.x + first.width, second.x);
  assert.equal(first.width, 3 * second.width);
  assert.match(chart, />a &lt; b &amp; c</);
});

test('parts that do not add up to the figure are drawn side by side', () => {
  const parts = [
    { name: 'first', value: 20 },
    { name: 'last', value: 40 },
  ];
  const chart = partsChart({ name: 'x', unit: 'ms', samples: [30], parts });
  assert.deepEqual(
    [...chart.matchAll(/class="part" x="([\d.]+)"/g)].map(([, x]) => x),
    ['330', '330'],
  );
});
