// Tests of what ps shows and keeps, and of finding containers by what people write.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, PodStatus } from '../../../model/pod.js';
import { parseFilters } from './filters.js';
import { containersOf, findContainer } from './find.js';
import { dockerState, toRow, toStatus } from './rows.js';

const created = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse('2026-01-01T03:00:00.000Z');

function container(id: string, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    id,
    state: 'running',
    command: ['sleep', 'infinity'],
    terminal: false,
    stdin: false,
    rootfs: '/srv/debian',
    createdAt: created,
    startedAt: '2026-01-01T02:00:00.000Z',
    finishedAt: null,
    exit: null,
    labels: {},
    ...more,
  };
}

function pod(containers: readonly ContainerStatus[], more: Partial<PodStatus> = {}): PodStatus {
  return {
    id: containers[0]?.id ?? 'pod',
    state: 'running',
    createdAt: created,
    ownerAlive: true,
    ownerPid: 1,
    detached: true,
    accelerator: 'tcg',
    origin: 'clone',
    cpus: 1,
    memoryMiB: 512,
    containers,
    labels: {},
    ...more,
  };
}

const exited = container('old', {
  state: 'stopped',
  createdAt: '2025-12-31T00:00:00.000Z',
  finishedAt: '2026-01-01T02:59:00.000Z',
  exit: { code: 3, signal: null, reason: 'exited' },
  labels: { app: 'web', empty: '' },
});
const pods = [
  pod([container('web-1', { labels: { app: 'web' } })]),
  pod([container('web-2', { createdAt: '2026-01-02T00:00:00.000Z', state: 'paused' })]),
  pod([exited]),
  pod([container('lost')], { ownerAlive: false }),
  { id: 'damaged', error: 'its record cannot be read' },
] as const;

test('states and their words are docker’s', () => {
  const words = (status: ContainerStatus, more: Partial<PodStatus> = {}): readonly string[] => {
    const found = { container: status, pod: pod([status], more) };
    return [dockerState(found), toStatus(found, nowMs)];
  };
  const running = container('c');
  assert.deepEqual(words(running), ['running', 'Up About an hour']);
  assert.deepEqual(words(running, { state: 'paused' }), ['paused', 'Up About an hour (Paused)']);
  assert.deepEqual(words(running, { ownerAlive: false }), ['dead', 'Dead']);
  assert.deepEqual(words(container('c', { state: 'ready', startedAt: null })), [
    'created',
    'Created',
  ]);
  assert.deepEqual(words(exited), ['exited', 'Exited (3) About a minute ago']);
  assert.deepEqual(words({ ...exited, exit: null }), ['exited', 'Exited About a minute ago']);
});

test('a row is cut as docker cuts it, and whole where it is asked for', () => {
  const status = container('a-name-that-is-long', { command: ['echo', 'x'.repeat(30)] });
  const found = { container: status, pod: pod([status]) };
  const short = toRow(found, { nowMs, short: true });
  assert.equal(short['ID'], 'a-name-that-');
  assert.equal(short['Command'], `"echo ${'x'.repeat(14)}…"`);
  const whole = toRow(found, { nowMs, short: false });
  assert.equal(whole['ID'], 'a-name-that-is-long');
  assert.equal(whole['Command'], `"echo ${'x'.repeat(30)}"`);
});

const filters: readonly [readonly string[], readonly string[]][] = [
  [[], ['web-2', 'web-1', 'lost', 'old']],
  [['name=web'], ['web-2', 'web-1']],
  [['name=^web-1$'], ['web-1']],
  [['id=lo'], ['lost']],
  [['label=app'], ['web-1', 'old']],
  [['label=app=web', 'label=empty='], ['old']],
  [['label=app=other'], []],
  [
    ['status=paused', 'status=exited'],
    ['web-2', 'old'],
  ],
  [['status=dead'], ['lost']],
  [['exited=3'], ['old']],
  [['exited=0'], []],
  [['before=web-1'], ['old']],
  [['since=web-1'], ['web-2']],
  [['ancestor=/srv/debian', 'status=running'], ['web-1']],
];
for (const [texts, ids] of filters) {
  test(`the filters ${JSON.stringify(texts)} keep ${ids.join(', ') || 'none'}`, () => {
    const kept = containersOf(pods).filter(parseFilters(texts).keeps(pods));
    assert.deepEqual(
      kept.map((found) => found.container.id),
      ids,
    );
  });
}

for (const [text, reason] of [
  ['status', /NAME=VALUE/],
  ['stauts=exited', /"stauts" is no filter/],
  ['status=stopped', /a status is created, running, paused, exited or dead/],
  ['exited=x', /exit code/],
  ['name=(', /no regular expression/],
] as const) {
  test(`the filter ${text} is refused`, () => {
    assert.throws(() => parseFilters([text]), { code: 'invalid-argument', message: reason });
  });
}

test('a container is found by its name or the beginning of only one, else it is said what is near', () => {
  const find = (name: string) => findContainer(pods, name, 'stop').container.id;
  assert.equal(find('web-1'), 'web-1');
  assert.equal(find('lo'), 'lost');
  assert.throws(() => find('web'), {
    code: 'invalid-argument',
    message: 'cannot stop container web: 2 names begin so: web-2, web-1',
  });
  assert.throws(() => find('lots'), { code: 'not-found', hint: 'did you mean lost?' });
  assert.throws(() => find(''), { code: 'not-found' });
});
