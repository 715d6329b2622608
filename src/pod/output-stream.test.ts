// Tests of what an output costs the host where the guest chooses how it is cut.
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { hostOutputBufferBytes } from '../model/limits.js';
import { OutputStream } from './output-stream.js';

// What is held counts, not what is still to be collected.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const memory = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

test('a guest that sends single bytes in large messages fills no memory of the host', async () => {
  const before = memory();
  let answers = 0;
  const output = new OutputStream(async () => {
    answers += 1;
    return { data: Buffer.allocUnsafeSlow(4096).subarray(0, 1), end: false };
  });
  output.begin();
  for (let seen = -1; seen < answers; await pause(50)) seen = answers;
  assert.ok(answers >= hostOutputBufferBytes, `${answers} answers`);
  const grown = memory() - before;
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes for ${answers} bytes of output`);
  output.stop(new Error('enough'));
});

test('output comes back exactly, however it is cut and whenever it is read', async () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.boolean(), async (list, isReadLate) => {
      const all = Buffer.concat(list);
      let next = 0;
      const output = new OutputStream(async () => {
        const data = list[next] ?? new Uint8Array();
        next += 1;
        return { data, end: next >= list.length };
      });
      output.begin();
      if (isReadLate) await pause(1);
      assert.ok((await buffer(output)).equals(all));
    }),
    { numRuns: 50 },
  );
});
