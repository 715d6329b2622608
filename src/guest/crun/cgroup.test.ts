// Tests of freezing a control group, with files in the kernel's place.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Cgroup } from './cgroup.js';

const root = mkdtempSync(path.join(tmpdir(), 'virtc-cgroups-'));
after(() => rmSync(root, { recursive: true }));

function group(id: string, files: Readonly<Record<string, string>>, freezeTimeoutMs = 10_000) {
  const cgroup = new Cgroup(id, { root, freezeTimeoutMs });
  mkdirSync(cgroup.folder, { recursive: true });
  const write = (name: string, text: string) => writeFileSync(`${cgroup.folder}/${name}`, text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { cgroup, write, freeze: () => readFileSync(`${cgroup.folder}/cgroup.freeze`, 'utf8') };
}

test('a freeze is asked for and waited for', async () => {
  const { cgroup, write, freeze } = group('a', { 'cgroup.events': 'populated 1\nfrozen 0\n' });
  let frozen = false;
  const freezing = cgroup.freeze().then(() => (frozen = true));
  await pause(30);
  assert.deepEqual([freeze(), frozen], ['1', false]);
  write('cgroup.events', 'populated 1\nfrozen 1\n');
  await freezing;
  // Again: it is there already.
  await cgroup.freeze();
  cgroup.thaw();
  assert.equal(freeze(), '0');
});

test('processes that do not stand still in time go on', async () => {
  const { cgroup, freeze } = group('b', { 'cgroup.events': 'populated 1\nfrozen 0\n' }, 40);
  await assert.rejects(cgroup.freeze(), {
    code: 'timeout',
    message: /not stand still within 40 ms/,
  });
  assert.equal(freeze(), '0');
});

test('a thaw ends a freeze that still waits, and so does the removal', async () => {
  const thawed = group('c', { 'cgroup.events': 'populated 1\nfrozen 0\n' });
  const freezing = thawed.cgroup.freeze();
  thawed.cgroup.thaw();
  await assert.rejects(freezing, { code: 'invalid-state' });
  const removed = group('d', { 'cgroup.events': 'populated 1\nfrozen 0\n' });
  const waiting = removed.cgroup.freeze();
  rmSync(removed.cgroup.folder, { recursive: true });
  await assert.rejects(waiting, { code: 'invalid-state' });
  await assert.rejects(removed.cgroup.freeze(), { code: 'not-found' });
  removed.cgroup.thaw();
});

test('the processes of a group are its own and those of the groups below it', () => {
  const { cgroup } = group('e', { 'cgroup.procs': '1\n2\n' });
  mkdirSync(`${cgroup.folder}/x/y`, { recursive: true });
  writeFileSync(`${cgroup.folder}/x/cgroup.procs`, '');
  writeFileSync(`${cgroup.folder}/x/y/cgroup.procs`, '7\n');
  assert.deepEqual(cgroup.pids(), [1, 2, 7]);
  assert.deepEqual(new Cgroup('none', { root }).pids(), []);
});
