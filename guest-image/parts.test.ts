import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { ensurePart, type Part, type PartStore, pruneParts } from './parts.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-parts-'));
after(() => rm(base, { recursive: true, force: true }));
const directory = path.join(base, 'parts');

let builds = 0;
beforeEach(async () => {
  await rm(directory, { recursive: true, force: true });
  builds = 0;
});

async function store(force = false): Promise<PartStore> {
  return { directory, scratch: await mkdtemp(path.join(base, '.building-')), force };
}

/** A part whose file holds what it was made from. */
async function ensure(inputs: unknown, force = false): Promise<Part> {
  return ensurePart(await store(force), {
    name: 'thing',
    inputs,
    build: async (target) => {
      builds += 1;
      await mkdir(path.join(target, 'sub'));
      await writeFile(path.join(target, 'sub/file'), JSON.stringify(inputs));
      return { thing: '1' };
    },
  });
}

test('a part is built once for the same recipe', async () => {
  const first = await ensure({ revision: 1 });
  const second = await ensure({ revision: 1 });
  assert.equal(builds, 1);
  assert.equal(first.built, true);
  assert.deepEqual(second, { ...first, built: false });
  assert.deepEqual(Object.keys(second.files), ['sub/file']);
  assert.deepEqual(second.versions, { thing: '1' });
});

test('another recipe is another part, and going back costs nothing', async () => {
  const first = await ensure({ revision: 1 });
  const second = await ensure({ revision: 2 });
  assert.notEqual(first.directory, second.directory);
  assert.equal((await ensure({ revision: 1 })).built, false);
  assert.equal(builds, 2);
});

test('force builds what is there', async () => {
  await ensure({ revision: 1 });
  assert.equal((await ensure({ revision: 1 }, true)).built, true);
});

const damages: Record<string, (part: Part) => Promise<void>> = {
  'a changed file': (part) => writeFile(path.join(part.directory, 'sub/file'), 'changed'),
  'a missing file': (part) => rm(path.join(part.directory, 'sub/file')),
  'a missing description': (part) => rm(path.join(part.directory, 'part.json')),
  'a damaged description': (part) => writeFile(path.join(part.directory, 'part.json'), '{"files"'),
};

for (const [name, damage] of Object.entries(damages)) {
  test(`${name} makes the part be built again`, async () => {
    const part = await ensure({ revision: 1 });
    await damage(part);
    assert.equal((await ensure({ revision: 1 })).built, true);
    assert.equal(await readFile(path.join(part.directory, 'sub/file'), 'utf8'), '{"revision":1}');
  });
}

test('a build that fails leaves no part', async () => {
  const failing = ensurePart(await store(), {
    name: 'thing',
    inputs: 1,
    build: async (target) => {
      await writeFile(path.join(target, 'half'), '');
      throw new Error('no more paper');
    },
  });
  await assert.rejects(failing, { message: 'no more paper' });
  assert.deepEqual(await readdir(directory).catch(() => []), []);
});

test('of the parts that nobody uses, the last one is kept for each name', async () => {
  const parts = [await ensure(1), await ensure(2), await ensure(3), await ensure(4)] as const;
  for (const [index, part] of parts.entries()) await utimes(part.directory, index + 1, index + 1);
  await pruneParts(await store(), [parts[0]]);
  const kept = [parts[0], parts[3]].map((part) => path.basename(part.directory));
  assert.deepEqual((await readdir(directory)).sort(), kept.sort());
});
