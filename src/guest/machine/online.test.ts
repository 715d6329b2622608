import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bringOnline, countOfList, sizeNow } from './online.js';

const MiB = 1024n * 1024n;

/** A sysfs of files: blocks of 128 MiB. */
function makeSysfs(states: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'virtc-online-'));
  mkdirSync(`${root}/cpu/cpu0`, { recursive: true });
  mkdirSync(`${root}/cpu/cpufreq`);
  writeFileSync(`${root}/cpu/online`, '0\n');
  mkdirSync(`${root}/memory`);
  writeFileSync(`${root}/memory/block_size_bytes`, '8000000\n');
  for (const [index, state] of states.entries()) addBlock(root, index, state);
  return root;
}

function addBlock(root: string, index: number, state: string): void {
  mkdirSync(`${root}/memory/memory${index}`);
  writeFileSync(`${root}/memory/memory${index}/state`, `${state}\n`);
}

for (const [list, count] of [
  ['0', 1],
  ['0-3', 4],
  ['0-1,4', 3],
  ['', 0],
] as const) {
  test(`the list "${list}" has ${count}`, () => assert.equal(countOfList(`${list}\n`), count));
}

test('what is there already is answered at once, and untouched', async () => {
  const root = makeSysfs(['online', 'offline']);
  const size = await bringOnline(root, { cpus: 1, memoryBytes: 128n * MiB });
  assert.deepEqual(size, { cpus: 1, memoryBytes: 128n * MiB });
  assert.equal(readFileSync(`${root}/memory/memory1/state`, 'utf8'), 'offline\n');
  rmSync(root, { recursive: true });
});

test('memory that comes late is brought online', async () => {
  const root = makeSysfs(['online', 'offline']);
  const online = bringOnline(root, { cpus: 1, memoryBytes: 384n * MiB });
  setTimeout(() => addBlock(root, 2, 'offline'), 30);
  assert.equal((await online).memoryBytes, 384n * MiB);
  rmSync(root, { recursive: true });
});

test('processors that come late are brought online', async () => {
  const root = makeSysfs(['online']);
  const online = bringOnline(root, { cpus: 2, memoryBytes: 0n });
  setTimeout(() => {
    mkdirSync(`${root}/cpu/cpu1`);
    writeFileSync(`${root}/cpu/cpu1/online`, '0\n');
  }, 20);
  const watch = setInterval(() => {
    // What the kernel does when a processor's file is written.
    if (readCpu(root) === '1') writeFileSync(`${root}/cpu/online`, '0-1\n');
  }, 5);
  assert.equal((await online).cpus, 2);
  clearInterval(watch);
  rmSync(root, { recursive: true });
});

function readCpu(root: string): string {
  try {
    return readFileSync(`${root}/cpu/cpu1/online`, 'utf8').trim();
  } catch {
    return '';
  }
}

test('the size of this machine can be read', () => {
  assert.ok(sizeNow('/sys/devices/system').cpus >= 1);
});
