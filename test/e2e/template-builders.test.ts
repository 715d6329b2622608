// Who makes a template may be one of several, may be killed at any moment and may find the disk full: pods start all the same.
// The seed is printed; VIRTC_CHAOS_SEED repeats a run.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import { FileTemplates } from '../../src/host/templates/file-templates.js';
import type { TemplateKey } from '../../src/host/templates/templates.js';
import { checkout, debian, E2e } from './harness.js';
import { processesOf } from './leftovers.js';
import type { FirstPod } from './programs/first-pod.js';
import { chaosSeed, randomNumbers } from './random.js';
import { storedTemplate } from './template-files.js';

const e2e = new E2e('template-builders');
const runtime = e2e.runtime();
const seed = chaosSeed();
const random = randomNumbers(seed);

const root = path.join(e2e.libRoot, 'templates');
const templates = new FileTemplates({ root });
let key: TemplateKey;
/** How long a builder takes, its process' start among it. */
let buildMs: number;

const kills = 20;
/** What a killed builder held in its jail ends within this time. */
const endsWithinMs = 2_000;

before(async () => {
  const begun = performance.now();
  const { code, stderr } = await e2e.startProgram('template-builder', [e2e.libRoot]).finished;
  buildMs = performance.now() - begun;
  assert.equal(code, 0, stderr);
  const [info] = await runtime.templates.list();
  assert.ok(info !== undefined);
  const { id, guestImage, accelerator, cpus, memoryMiB } = info;
  assert.ok(guestImage !== null && accelerator !== null && cpus !== null && memoryMiB !== null);
  key = { id, guestImage, accelerator, cpus, memoryMiB };
});

test(`builders killed at ${kills} moments (VIRTC_CHAOS_SEED=${seed}) end with all they held and are in nobody’s way`, async () => {
  const moments = Array.from(
    { length: kills },
    (_, index) => ((index + random()) / kills) * buildMs,
  );
  for (const [index, afterMs] of moments.entries()) {
    const what = `VIRTC_CHAOS_SEED=${seed}, killed after ${afterMs.toFixed()} ms`;
    // One in two has one to replace, which stays until the new one is whole.
    const replaces = index % 2 === 0;
    if (!replaces) await templates.remove(key.id);
    const isThere = (await templates.find(key)) !== null;
    const builder = e2e.startProgram('template-builder', [e2e.libRoot]);
    await sleep(afterMs);
    builder.child.kill('SIGKILL');
    await builder.finished;
    const killed = performance.now();
    for (;;) {
      const left = processesOf(e2e.libRoot);
      if (left.length === 0) break;
      assert.ok(performance.now() - killed < endsWithinMs, `${what}: ${left.join('\n')}`);
      await sleep(20);
    }
    const found = await templates.find(key, (reason) => assert.fail(`${what}: ${reason}`));
    if (isThere) assert.ok(found !== null, `${what}: the one before is gone`);
    const next = await templates.begin(key);
    assert.ok(next !== null, `${what}: the next builder cannot begin`);
    await next.abandon();
    assert.equal((await templates.find(key)) !== null, found !== null, what);
  }

  await templates.remove(key.id);
  assert.deepEqual(readdirSync(root), []);
  const pod = await runtime.createPod({ id: 'after-kills' });
  assert.equal((await pod.status()).origin, 'clone');
  const { stdout } = await pod.run({ rootfs: debian, command: ['hostname'] });
  assert.equal(stdout, 'after-kills\n');
  await pod.delete({ force: true });
  const { directories } = storedTemplate(e2e.libRoot);
  const [, directory = '', generation = ''] = directories;
  assert.deepEqual(readdirSync(root), [key.id]);
  assert.deepEqual(
    readdirSync(directory).sort(),
    [path.basename(generation), 'lock', 'manifest.json'].sort(),
  );
  assert.deepEqual(readdirSync(generation).sort(), ['memory', 'state']);
  await e2e.assertNothingLeft();
});

test('two processes that make their first pods at once make one template, and both pods work', async () => {
  const libRoot = e2e.makeLibRoot('two');
  const ids = ['first-a', 'first-b'];
  const ended = await Promise.all(
    ids.map((id) => e2e.startProgram('first-pod', [libRoot, debian, id]).finished),
  );
  const told = ended.map(({ code, stdout, stderr }) => {
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.toString()) as FirstPod;
  });
  assert.deepEqual(
    told.map(({ stdout, warnings }) => [stdout, warnings]),
    ids.map((id) => [`${id}\n`, []]),
  );
  assert.ok(
    told.some(({ origin }) => origin === 'clone'),
    JSON.stringify(told),
  );
  assert.equal(storedTemplate(libRoot).previous, null);
  await e2e.assertNothingLeft();
});

test('a pod whose template finds no room boots, with one warning, and nothing stays on the full disk', async () => {
  const libRoot = e2e.makeLibRoot('full');
  mkdirSync(path.join(libRoot, 'templates'), { mode: 0o700 });
  // The disk is a mount of the program's own namespace: it goes with the program.
  const program = path.join(checkout, 'dist/test/e2e/programs/first-pod.js');
  const args = [process.execPath, program, e2e.runRoot, libRoot, debian, 'no-room'];
  const script = `mount -t tmpfs -o size=64m,mode=700 none '${libRoot}/templates' && exec "$@"`;
  const inNamespace = ['--mount', '--propagation=private', 'sh', '-c', script, 'sh', ...args];
  const { code, stdout, stderr } = await e2e.start('unshare', inNamespace).finished;
  assert.equal(code, 0, stderr);
  const told = JSON.parse(stdout.toString()) as FirstPod;
  assert.deepEqual([told.stdout, told.origin], ['no-room\n', 'boot']);
  assert.deepEqual(
    told.warnings.map(({ code, podId }) => [code, podId]),
    [['template-failed', 'no-room']],
  );
  assert.match(told.warnings[0]?.message ?? '', /^pod no-room boots cold: cannot make template /);
  assert.deepEqual(told.templates, []);
  await e2e.assertNothingLeft();
});
