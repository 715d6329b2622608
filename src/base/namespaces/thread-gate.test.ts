// Tests of the gate between a process that leaves and its worker thread.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ThreadGate } from './thread-gate.js';

test('closing waits for whoever is inside, and lets nobody in after that', async () => {
  const gate = new ThreadGate();
  const module = new URL('./thread-gate.js', import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(module)}).then(({ ThreadGate }) => {
      const { workerData } = require('node:worker_threads');
      setTimeout(() => new ThreadGate(workerData).leave(), 100);
    });`,
    { eval: true, workerData: gate.cells },
  );
  gate.close(20_000);
  assert.deepEqual([...gate.cells], [0, 1]);
  assert.equal(new ThreadGate(gate.cells).enter(), false);
  assert.deepEqual([...gate.cells], [0, 1]);
  await worker.terminate();
});

test('closing gives up when its time is up', () => {
  const gate = new ThreadGate();
  gate.close(20);
  assert.deepEqual([...gate.cells], [1, 1]);
});

test('an open gate lets in and out again and again', () => {
  const worker = new ThreadGate(new ThreadGate().cells);
  worker.leave();
  assert.equal(worker.enter(), true);
  assert.equal(worker.enter(), true);
  worker.leave();
  worker.leave();
  assert.deepEqual([...worker.cells], [0, 0]);
});
