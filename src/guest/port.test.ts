import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPort } from './port.js';

test('bytes go through one descriptor both ways, more than fit at once, and come out exact', async () => {
  // A fifo that is open for both gives back what is written to it.
  const folder = mkdtempSync(join(tmpdir(), 'virtc-port-'));
  const path = `${folder}/fifo`;
  execFileSync('mkfifo', [path]);
  const port = await openPort(path);
  const sent = Buffer.alloc(1_000_000, 0).map((_, index) => index % 251);
  let offset = 0;
  const done = new Promise<void>((resolve) => {
    port.on('data', (chunk: Buffer) => {
      assert.ok(chunk.equals(sent.subarray(offset, offset + chunk.length)));
      offset += chunk.length;
      if (offset === sent.length) resolve();
    });
  });
  // Pieces for which a pipe that is said to be writable has room; the port of a VM has room for any.
  for (let start = 0; start < sent.length; start += 4096) {
    port.write(sent.subarray(start, start + 4096));
  }
  await done;
  // Its read waits in a thread, which has to come back before the process can end.
  const other = openSync(path, 'r+');
  port.destroy();
  writeSync(other, 'x');
  closeSync(other);
  rmSync(folder, { recursive: true });
});

test('a read that gives nothing is not the end: the host is away', async () => {
  const port = await openPort('/dev/null');
  let ended = false;
  port.on('end', () => {
    ended = true;
  });
  port.resume();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ended, false);
  port.destroy();
});
