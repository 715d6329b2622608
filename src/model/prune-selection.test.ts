import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultPruneLimits,
  type PrunableTemplate,
  type PruneLimits,
  selectForPrune,
} from './prune-selection.js';

const now = Date.parse('2025-06-01T00:00:00.000Z');
const day = 24 * 3_600_000;
const MiB = 1024 ** 2;

function template(
  id: string,
  daysAgo: number,
  more: Partial<PrunableTemplate> = {},
): PrunableTemplate {
  const lastUsedAt = new Date(now - daysAgo * day).toISOString();
  return { id, lastUsedAt, sizeBytes: 100 * MiB, current: false, ...more };
}

interface Case {
  readonly title: string;
  readonly templates: readonly PrunableTemplate[];
  readonly limits?: Partial<PruneLimits>;
  readonly goes: readonly string[];
}

const current = { current: true } as const;
const cases: readonly Case[] = [
  { title: 'nothing goes where nothing is', templates: [], goes: [] },
  {
    title: 'what was unused for more than a month goes',
    templates: [template('a', 31), template('b', 29), template('c', 400)],
    goes: ['c', 'a'],
  },
  {
    title: 'what was unused for exactly so long stays',
    templates: [template('a', 30)],
    goes: [],
  },
  {
    title: 'the current one stays, however long unused',
    templates: [template('a', 400, current), template('b', 31)],
    goes: ['b'],
  },
  {
    title: 'another age can be asked for',
    templates: [template('a', 2), template('b', 0.5)],
    limits: { unusedForMs: day },
    goes: ['a'],
  },
  {
    title: 'an age of nothing takes all that were used before now, but the current one',
    templates: [template('a', 1), template('b', 0), template('c', 1, current)],
    limits: { unusedForMs: 0 },
    goes: ['a'],
  },
  {
    title: 'the longest unused go until the rest takes no more',
    templates: [template('a', 1), template('b', 3), template('c', 2)],
    limits: { maxBytes: 200 * MiB },
    goes: ['b'],
  },
  {
    title: 'what the current one takes counts, but it stays',
    templates: [template('a', 5, current), template('b', 3), template('c', 2)],
    limits: { maxBytes: 150 * MiB },
    goes: ['b', 'c'],
  },
  {
    title: 'the current one stays also where it alone takes too much',
    templates: [template('a', 5, { ...current, sizeBytes: 5000 * MiB })],
    goes: [],
  },
  {
    title: 'what goes for its age makes room first',
    templates: [template('a', 40), template('b', 3), template('c', 2)],
    limits: { maxBytes: 200 * MiB },
    goes: ['a'],
  },
  {
    title: 'what takes exactly so much stays',
    templates: [template('a', 1), template('b', 2)],
    limits: { maxBytes: 200 * MiB },
    goes: [],
  },
  {
    title: 'a time that cannot be understood counts as long ago',
    templates: [template('a', 1, { lastUsedAt: 'yesterday' }), template('b', 2)],
    goes: ['a'],
  },
  {
    title: 'a time to come counts as used now',
    templates: [template('a', -400)],
    goes: [],
  },
  {
    title: 'all go, the current one too',
    templates: [template('a', 1, current), template('b', 2)],
    limits: { all: true },
    goes: ['b', 'a'],
  },
  {
    title: 'of those used at the same time the ids decide',
    templates: [template('b', 1), template('a', 1)],
    limits: { maxBytes: 100 * MiB },
    goes: ['a'],
  },
];

for (const { title, templates, limits, goes } of cases) {
  test(`pruning templates: ${title}`, () => {
    assert.deepEqual(selectForPrune(templates, { ...defaultPruneLimits, ...limits }, now), goes);
  });
}
