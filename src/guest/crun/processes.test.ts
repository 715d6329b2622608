// Tests of reading processes: real ones, and what a hostile container can show.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { listProcesses, maxListed, parseStat, splitCommand } from './processes.js';

const proc = mkdtempSync(path.join(tmpdir(), 'virtc-proc-'));
after(() => rmSync(proc, { recursive: true }));
writeFileSync(`${proc}/uptime`, '100.50 80.00\n');

function fake(pid: number, files: { name?: string; cmdline?: string | Buffer; state?: string }) {
  const { name = 'sh', cmdline = '', state = 'S' } = files;
  mkdirSync(`${proc}/${pid}`, { recursive: true });
  const zeros = '0 '.repeat(17);
  writeFileSync(`${proc}/${pid}/stat`, `${pid} (${name}) ${state} 7 ${zeros}9000 0 0\n`);
  writeFileSync(`${proc}/${pid}/status`, 'Name:\tsh\nUid:\t1\t1000\t1\t1\nGid:\t0\t0\t0\t0\n');
  writeFileSync(`${proc}/${pid}/cmdline`, cmdline);
}

test('a real process is told as the kernel knows it, and one that has gone is left out', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const gone = 2 ** 22 + 1;
  const { processes, total } = await listProcesses([process.pid, child.pid ?? 0, gone]);
  child.kill('SIGKILL');
  assert.equal(total, 2);
  const [own, sleep] = processes;
  assert.equal(own?.pid, process.pid);
  assert.equal(own?.parentPid, process.ppid);
  assert.equal(sleep?.parentPid, process.pid);
  assert.equal(sleep?.uid, process.getuid?.());
  assert.match(sleep?.state ?? '', /^[RSD]$/);
  assert.ok((sleep?.elapsedMs ?? 1e9) <= (own?.elapsedMs ?? 0));
  assert.ok(Math.abs((own?.elapsedMs ?? 0) - process.uptime() * 1000) < 10_000);
});

test('effective user, time and parent come from their fields, whatever the name holds', async () => {
  fake(10, { name: 'a) R 99 (b', cmdline: 'a\0b c\0\0' });
  const { processes } = await listProcesses([10], { proc });
  assert.deepEqual(processes, [
    {
      pid: 10,
      parentPid: 7,
      uid: 1000,
      state: 'S',
      name: 'a) R 99 (b',
      args: ['a', 'b c', ''],
      elapsedMs: 10_500,
    },
  ]);
  assert.equal(parseStat('nonsense'), null);
  assert.equal(parseStat('1 (x) S 2'), null);
});

const commands: readonly [string, readonly string[]][] = [
  ['', []],
  ['sh\0', ['sh']],
  ['sh\0-c\0', ['sh', '-c']],
  ['rewritten: idle', ['rewritten: idle']],
  ['\0', ['']],
];
for (const [text, expected] of commands) {
  test(`the command line ${JSON.stringify(text)} has ${expected.length} parts`, () => {
    assert.deepEqual(splitCommand(Buffer.from(text)), expected);
  });
}

test('megabytes of command lines and thousands of processes stay below the size of an answer', async () => {
  const pids = Array.from({ length: 3000 }, (_, index) => 1000 + index);
  for (const pid of pids) fake(pid, { cmdline: Buffer.alloc(pid % 2 === 0 ? 20_000 : 300, 'x') });
  const { processes, total } = await listProcesses(pids, { proc, moreBytes: () => 128 });
  const bytes = Buffer.byteLength(JSON.stringify(processes.map(({ args, name }) => [args, name])));
  assert.equal(total, 3000);
  assert.ok(processes.length > 300 && processes.length <= maxListed, `${processes.length}`);
  assert.ok(bytes + processes.length * (56 + 128) < 256 * 1024, `${bytes}`);
  assert.equal(processes[0]?.args[0]?.length, 4096);
  // Those that come later are at least named.
  assert.deepEqual([processes.at(-1)?.args, processes.at(-1)?.name], [[], 'sh']);
  const few = await listProcesses(
    pids.filter((pid) => pid % 2 === 1),
    { proc },
  );
  assert.equal(few.processes.length, maxListed);
});
