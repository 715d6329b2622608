// Tests of what a guest says of its processes and statistics, true and made up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ListProcessesResponseSchema, StatsResponseSchema } from '../../wire/gen/agent_pb.js';
import { toGuestStats, toProcessList } from './to-usage.js';

const listOf = (message: MessageInitShape<typeof ListProcessesResponseSchema>) =>
  toProcessList(create(ListProcessesResponseSchema, message), 'web', 'cannot list');
const statsOf = (message: MessageInitShape<typeof StatsResponseSchema>, ...asked: string[]) =>
  toGuestStats(create(StatsResponseSchema, message), asked);

test('a process is told in our words', () => {
  const entry = {
    pid: 5,
    parentPid: 1,
    uid: 1000,
    state: 'D',
    name: 'sh',
    args: ['sh', '-c', 'true'],
    elapsedMs: 12n,
  };
  const told = {
    pid: 5,
    parentPid: 1,
    uid: 1000,
    state: 'blocked',
    name: 'sh',
    command: ['sh', '-c', 'true'],
    elapsedMs: 12,
    processId: 'web',
  };
  const processes = [
    { ...entry, init: true },
    { ...entry, processId: 'x' },
    { ...entry, state: '?' },
  ];
  assert.deepEqual(listOf({ processes, total: 9 }), {
    processes: [told, { ...told, processId: 'x' }, { ...told, state: 'other', processId: null }],
    total: 9,
  });
});

for (const [letter, state] of [
  ['R', 'running'],
  ['S', 'sleeping'],
  ['I', 'sleeping'],
  ['T', 'stopped'],
  ['t', 'stopped'],
  ['Z', 'zombie'],
  ['X', 'other'],
  ['', 'other'],
  ['constructor', 'other'],
] as const) {
  test(`the kernel's state ${JSON.stringify(letter)} is ${state}`, () => {
    assert.equal(listOf({ processes: [{ state: letter }] }).processes[0]?.state, state);
  });
}

test('more processes than a guest may send are refused; a total below what is there is not believed', () => {
  const processes = Array.from({ length: 1025 }, () => ({}));
  assert.throws(() => listOf({ processes }), {
    code: 'internal',
    message: 'cannot list: the guest sent 1025 processes where it may send 1024',
  });
  assert.equal(listOf({ processes: processes.slice(1), total: 3 }).total, 1024);
});

test('texts are bounded in number and length, and cannot act on a terminal', () => {
  const [first, second] = listOf({
    processes: [
      {
        name: `\u001b[2J${'n'.repeat(1000)}`,
        args: ['\u001b]0;x\u0007', 'a'.repeat(100_000), 'b'],
      },
      { args: Array.from({ length: 100_000 }, () => ''), processId: `\n${'i'.repeat(1000)}` },
    ],
  }).processes;
  assert.ok(first !== undefined && second !== undefined);
  assert.ok(first.name.startsWith('\\x1b[2J') && first.name.length <= 64);
  assert.equal(first.command[0], '\\x1b]0;x\\x07');
  assert.ok(first.command.join(' ').length <= 4096 && !first.command.includes('b'));
  assert.ok(second.command.length <= 4096);
  assert.ok((second.processId ?? '').length <= 128);
  assert.doesNotMatch(JSON.stringify([first, second].map((one) => Object.values(one))), /\\u00/);
});

test('statistics are those that were asked for, in that order, each once', () => {
  const { containers, machine } = statsOf(
    {
      containers: [
        { containerId: 'b', pids: { current: 1n } },
        { containerId: 'evil', pids: { current: 2n } },
        { containerId: 'a', cpu: { usageUs: 3n, userUs: 2n, systemUs: 1n } },
        { containerId: 'b', pids: { current: 4n } },
      ],
    },
    'a',
    'b',
    'gone',
  );
  assert.deepEqual(containers, [
    {
      containerId: 'a',
      cpu: { usageUs: 3, userUs: 2, systemUs: 1, throttledUs: null, throttledPeriods: null },
      memory: null,
      pids: null,
      io: null,
    },
    { containerId: 'b', cpu: null, memory: null, pids: { current: 1, limit: null }, io: null },
  ]);
  assert.equal(machine, null);
});

test('numbers that no machine has stay numbers, and nothing becomes negative', () => {
  const huge = 2n ** 64n - 1n;
  const response = create(StatsResponseSchema, {
    containers: [
      {
        containerId: 'a',
        cpu: { usageUs: huge, throttledUs: huge, throttledPeriods: 0n },
        memory: { currentBytes: 5n, inactiveFileBytes: huge, limitBytes: huge },
        io: { readBytes: huge },
      },
    ],
    machine: { memoryTotalBytes: huge },
  });
  // What is negative on the wire comes as a huge one.
  const sent = fromBinary(StatsResponseSchema, toBinary(StatsResponseSchema, response));
  const { containers, machine } = toGuestStats(sent, ['a']);
  const max = Number.MAX_SAFE_INTEGER;
  const [stats] = containers;
  assert.equal(stats?.cpu?.usageUs, max);
  assert.deepEqual([stats?.cpu?.throttledUs, stats?.cpu?.throttledPeriods], [max, 0]);
  assert.deepEqual([stats?.memory?.workingSetBytes, stats?.memory?.limitBytes], [0, max]);
  assert.equal(stats?.io?.readBytes, max);
  assert.deepEqual(machine, {
    cpu: { usageUs: 0, userUs: 0, systemUs: 0, throttledUs: null, throttledPeriods: null },
    memoryTotalBytes: max,
    memoryAvailableBytes: 0,
  });
});
