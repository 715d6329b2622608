// Tests of the image that guests use where it lies.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeErofs } from './erofs.js';

const base = mkdtempSync(path.join(tmpdir(), 'virtc-erofs-'));
after(() => rmSync(base, { recursive: true, force: true }));

const program = Buffer.alloc(5000, 'the program ');

/** An image of a program between other files. */
async function makeImage(name: string): Promise<string> {
  const root = path.join(base, `${name}.root`);
  mkdirSync(path.join(root, 'usr/bin'), { recursive: true });
  writeFileSync(path.join(root, 'usr/bin/before'), Buffer.alloc(3_000_000, 'before'));
  writeFileSync(path.join(root, 'usr/bin/program'), program);
  writeFileSync(path.join(root, 'usr/bin/you'), 'after');
  const image = path.join(base, name);
  await makeErofs(image, { root, program: 'usr/bin/program' });
  return image;
}

test('a program lies whole and at a large page, and the image ends where memory can be added', async () => {
  const image = readFileSync(await makeImage('one'));
  const place = image.indexOf(program.subarray(0, 4096));
  assert.equal(place % (2 * 1024 * 1024), 0);
  assert.ok(place > 3_000_000);
  assert.ok(image.subarray(place, place + program.length).equals(program));
  assert.equal(image.length, 128 * 1024 * 1024);
});

test('equal contents give equal images, with room on the disk for what is in them', async () => {
  const [first, second] = [await makeImage('first'), await makeImage('second')];
  assert.ok(readFileSync(first).equals(readFileSync(second)));
  assert.ok(statSync(first).blocks * 512 < 16 * 1024 * 1024);
});
