// Tests of what `virtc logs` asks for and how it shows entries.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { LogEntry, LogOptions } from '../../../model/logs.js';
import type { PodListEntry } from '../../../model/pod.js';
import { toTime } from './log-times.js';
import { type LogsFlags, logs } from './logs.js';

const nowMs = Date.parse('2026-01-01T12:00:00.000Z');
const time = '2026-01-01T11:00:00.000Z';
const pods = [
  { id: 'web', containers: [{ id: 'web', createdAt: time }] },
  { id: 'group', containers: [{ id: 'side', createdAt: time }] },
] as unknown as readonly PodListEntry[];

async function show(name: string, flags: LogsFlags, entries: readonly Partial<LogEntry>[] = []) {
  const asked: [string, LogOptions | undefined][] = [];
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const runtime = {
    listPods: async () => pods,
    logs: (podId: string, options?: LogOptions) => {
      asked.push([podId, options]);
      return (async function* () {
        for (const entry of entries) yield { time, offset: 0, ...entry } as LogEntry;
      })() as AsyncIterableIterator<LogEntry, undefined>;
    },
  };
  const code = await logs(name, flags, { runtime, stdout, stderr }, nowMs);
  const texts = [stdout, stderr].map((stream) => String(stream.read() ?? ''));
  return { code, asked, texts };
}

const questions: readonly [string, LogsFlags, string, LogOptions][] = [
  ['web', {}, 'web', { containerId: 'web' }],
  ['si', { follow: true }, 'group', { containerId: 'side', follow: true }],
  ['web', { tail: '5' }, 'web', { containerId: 'web', tail: 5 }],
  ['web', { tail: 'all' }, 'web', { containerId: 'web' }],
  ['web', { since: '10m' }, 'web', { containerId: 'web', since: new Date(nowMs - 600_000) }],
  ['web', { until: '0.5' }, 'web', { containerId: 'web', until: new Date(500) }],
  ['web', { source: 'stderr' }, 'web', { containerId: 'web', streams: ['stderr'] }],
  [
    'web',
    { source: 'stderr,stdout' },
    'web',
    { containerId: 'web', streams: ['stdout', 'stderr'] },
  ],
  ['side', { source: 'console' }, 'group', { source: 'console' }],
  ['group', { source: 'shim' }, 'group', { source: 'shim' }],
];
for (const [name, flags, podId, options] of questions) {
  test(`virtc logs ${name} with ${JSON.stringify(flags)} asks for what it says`, async () => {
    const { asked, code } = await show(name, flags);
    assert.deepEqual([code, asked], [0, [[podId, options]]]);
  });
}

test('each stream goes to its own, with times before lines where they are asked for', async () => {
  const entries = [
    { stream: 'stdout', data: Buffer.from('be') },
    { stream: 'stderr', data: Buffer.from('oops\n') },
    { stream: 'stdout', data: Buffer.from('gun\n') },
    { stream: 'note', data: Buffer.from('5 bytes were dropped\u001b') },
    { stream: 'stdout', data: Buffer.from('next\n') },
  ] as const;
  assert.deepEqual((await show('web', {}, entries)).texts, [
    'begun\nnext\n',
    'oops\nvirtc: 5 bytes were dropped\\x1b\n',
  ]);
  assert.deepEqual((await show('web', { timestamps: true }, entries)).texts, [
    `${time} begun\n${time} next\n`,
    `${time} oops\n${time} virtc: 5 bytes were dropped\\x1b\n`,
  ]);
});

const times: readonly [string, string | null][] = [
  ['1h30m', '2026-01-01T10:30:00.000Z'],
  ['1767268800', '2026-01-01T12:00:00.000Z'],
  ['2026-01-01T10:00:00Z', '2026-01-01T10:00:00.000Z'],
  ['2026-01-01T10:00:00+02:00', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01', new Date('2026-01-01T00:00:00').toISOString()],
  ['yesterday', null],
  ['2026-13-01', null],
  ['10', '1970-01-01T00:00:10.000Z'],
  ['10x', null],
  ['', null],
];
for (const [text, expected] of times) {
  test(`--since ${JSON.stringify(text)} is ${expected ?? 'refused'}`, () => {
    if (expected === null) {
      assert.throws(() => toTime('--since', text, nowMs), { code: 'invalid-argument' });
    } else {
      assert.equal(toTime('--since', text, nowMs).toISOString(), expected);
    }
  });
}
