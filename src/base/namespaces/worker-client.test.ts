// Tests of the namespace worker's life: one that was idle ends, leaves nothing, and is missed by nobody.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { namespaceWorker } from './worker-client.js';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('an idle worker ends without leaving a descriptor, and a request that comes then gets the next one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const useAndIdle = async (): Promise<void> => {
    await (await namespaceWorker()).request({ kind: 'prepare' });
    t.mock.timers.tick(60_000);
  };
  const settled = async (most: number): Promise<void> => {
    t.mock.timers.reset();
    for (let tries = 0; descriptors() > most; tries += 1) {
      assert.ok(tries < 500, `${descriptors()} descriptors, ${most} before`);
      await pause(10);
    }
    t.mock.timers.enable({ apis: ['setTimeout'] });
  };
  const before = descriptors();
  await useAndIdle();
  // What the process itself opens for its first worker stays.
  await settled(before + 4);
  const once = descriptors();
  for (let round = 0; round < 5; round += 1) await useAndIdle();
  await settled(once);
});

test('a process may leave at any moment of the worker’s start and of its work', () => {
  const client = new URL('./worker-client.js', import.meta.url).href;
  const program = `
    const { namespaceWorker } = await import(${JSON.stringify(client)});
    namespaceWorker().then((worker) => {
      worker.request({ kind: 'prepare' });
      for (const end = performance.now() + Number(process.argv[1]); performance.now() < end;);
      process.exit(7);
    });`;
  const failures: string[] = [];
  // Without the gate about every tenth of these moments aborts the process.
  for (let delayMs = 30; delayMs < 150; delayMs += 3) {
    const args = ['--input-type=module', '--eval', program, String(delayMs)];
    const ended = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
    if (ended.status !== 7) failures.push(`${delayMs} ms: ${ended.signal} ${ended.stderr}`);
  }
  assert.deepEqual(failures, []);
});
