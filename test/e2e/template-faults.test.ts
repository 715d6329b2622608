// Templates that are damaged, removed and made anew under the pods that use them, clones that cannot grow, and clocks that jump.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import { isVirtcontainersError } from '../../src/base/errors.js';
import type { PodOptions } from '../../src/model/options.js';
import type { Container, Pod } from '../../src/model/pod.js';
import type { Warning } from '../../src/model/warning.js';
import { clockBoundMs, clockErrorMs, clockProgram } from './guest-clock.js';
import { debian, E2e, shOk } from './harness.js';
import { qemuBelow, statusOf } from './host-process.js';
import { chaosSeed, randomNumbers } from './random.js';
import { copyTemplate, putBack, type StoredFiles, storedTemplate } from './template-files.js';

const e2e = new E2e('template-faults');
const runtime = e2e.runtime();
/** A whole template, for tests that damage the one in its place. */
const spare = path.join(e2e.scratch, 'spare');

before(async () => {
  await runtime.templates.build();
  copyTemplate(e2e.libRoot, spare);
});

/** A pod of a runtime that has not met any fault before, and what that was told. */
async function freshPod(
  options: PodOptions & { readonly id: string },
): Promise<{ readonly pod: Pod; readonly warnings: readonly Warning[] }> {
  const warnings: Warning[] = [];
  const fresh = e2e.runtime({ onWarning: (warning) => warnings.push(warning) });
  return { pod: await fresh.createPod(options), warnings };
}

async function assertWorks(pod: Pod): Promise<void> {
  const { stdout } = await pod.run({ rootfs: debian, command: ['hostname'] });
  assert.equal(stdout, `${pod.id}\n`);
}

function flipBit(file: string, offset: number): void {
  const fd = openSync(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ 0x10;
    writeSync(fd, byte, 0, 1, offset);
  } finally {
    closeSync(fd);
  }
}

const middle = (file: string): number => Math.floor(statSync(file).size / 2);

const damages: Readonly<
  Record<string, { readonly to: (files: StoredFiles) => void; readonly says: RegExp | null }>
> = {
  'is deleted': {
    to: ({ directories }) => rmSync(directories[1] ?? '', { recursive: true }),
    says: null,
  },
  'has lost half of its memory': {
    to: ({ memory }) => truncateSync(memory, middle(memory)),
    says: /memory: its size is/,
  },
  'has another bit in its state': {
    to: ({ state }) => flipBit(state, middle(state)),
    says: /state: its sha256 is/,
  },
  'has another bit in its memory and the same times': {
    to: ({ memory }) => {
      const { atime, mtime } = statSync(memory);
      flipBit(memory, middle(memory));
      utimesSync(memory, atime, mtime);
    },
    says: /memory: its time of (modification|change) is/,
  },
};

for (const [title, { to, says }] of Object.entries(damages)) {
  test(`a template that ${title} is made anew, and the pod is a clone of the new one`, async () => {
    putBack(spare, e2e.libRoot);
    const damaged = storedTemplate(e2e.libRoot);
    to(damaged);
    const { pod, warnings } = await freshPod({ id: 'damaged' });
    assert.equal((await pod.status()).origin, 'clone');
    await assertWorks(pod);
    await pod.delete({ force: true });
    assert.notEqual(storedTemplate(e2e.libRoot).memory, damaged.memory);
    assert.deepEqual(
      warnings.map(({ code, podId }) => [code, podId]),
      says === null ? [] : [['template-damaged', 'damaged']],
    );
    if (says !== null) assert.match(warnings[0]?.message ?? '', says);
    await e2e.assertNothingLeft();
  });
}

/** What a check that has passed cannot find any more. */
const lateDamages: Readonly<Record<string, (files: StoredFiles) => void>> = {
  'is deleted': ({ directories }) => rmSync(directories[1] ?? '', { recursive: true }),
  'loses half of its memory': ({ memory }) => truncateSync(memory, middle(memory)),
  // Its format is in its first bytes.
  'gets another bit in its state': ({ state }) => flipBit(state, 1),
  'gets zeros for a kernel': ({ memory }) => {
    const fd = openSync(memory, 'r+');
    writeSync(fd, Buffer.alloc(16 * 1024 * 1024), 0, undefined, kernelAt);
    closeSync(fd);
  },
};

/** Where Linux lies in memory (CONFIG_PHYSICAL_START). */
const kernelAt = 16 * 1024 * 1024;

for (const [title, damage] of Object.entries(lateDamages)) {
  test(`a pod whose template ${title} after it was checked boots, and says so once`, async () => {
    putBack(spare, e2e.libRoot);
    let isDone = false;
    const { pod, warnings } = await freshPod({
      id: 'late',
      // The template has been chosen before the first thing of the pod's VM is made.
      onProgress: ({ step, phase }) => {
        if (isDone || step !== 'share' || phase !== 'begin') return;
        isDone = true;
        damage(storedTemplate(e2e.libRoot));
      },
    });
    assert.ok(isDone);
    assert.equal((await pod.status()).origin, 'boot');
    await assertWorks(pod);
    await pod.delete({ force: true });
    assert.deepEqual(
      warnings.map(({ code, podId }) => [code, podId]),
      [['clone-failed', 'late']],
    );
    assert.match(warnings[0]?.message ?? '', /^pod late boots cold, as a clone of template .*: ./);
    await e2e.assertNothingLeft();
  });
}

/** Spoils a template as no check can find: its manifest says that it was made so. */
function spoil({ state, manifest }: StoredFiles): void {
  // Its format is in its first bytes.
  flipBit(state, 1);
  const noted = JSON.parse(readFileSync(manifest, 'utf8'));
  noted.state.sha256 = createHash('sha256').update(readFileSync(state)).digest('hex');
  rmSync(manifest);
  writeFileSync(manifest, JSON.stringify(noted), { mode: 0o600 });
}

/** Runs a command by virtc, each time in a process that knows nothing of the one before. @returns its warnings */
async function runAnew(): Promise<readonly string[]> {
  const { code, stdout, stderr } = await e2e.run(['--progress', 'none', '--', 'echo', 'it runs']);
  assert.deepEqual([code, String(stdout)], [0, 'it runs\n'], stderr);
  return stderr.split('\n').filter((line) => line.startsWith('virtc: warning: '));
}

test('where clones of a template fail the next virtc run makes it anew, once; after that all boot until it is rebuilt', async () => {
  putBack(spare, e2e.libRoot);
  const first = storedTemplate(e2e.libRoot);
  spoil(first);
  assert.match(
    (await runAnew()).join('\n'),
    /^virtc: warning: .*as a clone of template .* it failed/,
  );
  assert.deepEqual(await runAnew(), []);
  const second = storedTemplate(e2e.libRoot);
  assert.notEqual(second.memory, first.memory);

  // As before, but of the one made anew the clones fail as well.
  putBack(spare, e2e.libRoot);
  const third = storedTemplate(e2e.libRoot);
  writeFileSync(path.join(path.dirname(third.manifest), `failed-gen-${'0'.repeat(16)}`), '');
  spoil(third);
  assert.match((await runAnew()).join('\n'), /it failed/);
  assert.match((await runAnew()).join('\n'), /^virtc: warning: .*and again when it was made anew/);
  assert.equal(storedTemplate(e2e.libRoot).memory, third.memory);
  const { code, stderr } = await e2e.virtc(['template', 'build', '--rebuild']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await runAnew(), []);
  assert.notEqual(storedTemplate(e2e.libRoot).memory, third.memory);
  await e2e.assertNothingLeft();
});

test('pods that are created while their template vanishes all start', async () => {
  const seed = chaosSeed();
  putBack(spare, e2e.libRoot);
  const warnings: Warning[] = [];
  const fresh = e2e.runtime({ onWarning: (warning) => warnings.push(warning) });
  const afterMs = randomNumbers(seed)() * 500;
  const creating = ['a', 'b', 'c'].map((name) => fresh.createPod({ id: `vanished-${name}` }));
  await sleep(afterMs);
  damages['is deleted']?.to(storedTemplate(e2e.libRoot));
  const pods = await Promise.all(creating);
  await Promise.all(pods.map(assertWorks));
  await Promise.all(pods.map((pod) => pod.delete({ force: true })));
  const codes = warnings.map(({ code }) => code);
  assert.ok(
    codes.length <= pods.length && codes.every((code) => code === 'clone-failed'),
    `VIRTC_CHAOS_SEED=${seed}: ${warnings.map(({ message }) => message).join('\n')}`,
  );
  await e2e.assertNothingLeft();
});

const idle = ['sleep', 'infinity'];

async function started(pod: Pod): Promise<Container> {
  const box = await pod.createContainer({ rootfs: debian, command: idle });
  await box.start();
  return box;
}

/** Reads more of a clone's memory than it has touched so far. */
async function assertGoesOn(box: Container, word: string): Promise<void> {
  const script = `python3 -c 'print("${word}", len(bytes(50_000_000)))'; cat /proc/*/maps | wc -l`;
  assert.match(await shOk(box, script), new RegExp(`^${word} 50000000\n\\d+$`));
}

test('clones go on when their template is removed, and when another takes its place', async () => {
  putBack(spare, e2e.libRoot);
  const first = await runtime.createPod({ id: 'first' });
  const box = await started(first);
  const [{ id } = { id: '' }] = await runtime.templates.list();
  await runtime.templates.remove(id);
  assert.deepEqual(await runtime.templates.list(), []);
  await assertGoesOn(box, 'removed');

  putBack(spare, e2e.libRoot);
  const second = await runtime.createPod({ id: 'second' });
  const other = await started(second);
  const before = storedTemplate(e2e.libRoot).memory;
  await runtime.templates.build({ rebuild: true });
  assert.notEqual(storedTemplate(e2e.libRoot).memory, before);
  const third = await runtime.createPod({ id: 'third' });
  await started(third);
  for (const pod of [first, second, third]) {
    assert.equal((await pod.status()).origin, 'clone', pod.id);
  }
  await assertGoesOn(box, 'first');
  await assertGoesOn(other, 'second');
  for (const pod of [first, second, third]) {
    await pod.stop({ graceMs: 500 });
    assert.equal((await pod.status()).state, 'stopped');
    await pod.delete();
  }
  await e2e.assertNothingLeft();
});

/** Lets the process of a pod's VM have no more addresses than it has, and little more: the next memory is refused to it. */
function boundAddresses(podId: string): void {
  const qemu = qemuBelow(e2e.vmPid(podId));
  const bytes = (Number.parseInt(statusOf(qemu).get('VmSize') ?? '', 10) + 64 * 1024) * 1024;
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(qemu), `--as=${bytes}`]);
  assert.equal(status, 0, String(stderr));
}

test('a clone to which no memory can be added is undone, and the error names the step', async () => {
  const steps: string[] = [];
  const creating = runtime.createPod({
    id: 'no-memory',
    cpus: 2,
    memoryMiB: 2048,
    onProgress: ({ step, phase }) => {
      steps.push(`${step} ${phase}`);
      if (step === 'resize' && phase === 'begin') boundAddresses('no-memory');
    },
  });
  const error = await creating.then(
    () => assert.fail('it has grown'),
    (failure: unknown) => failure,
  );
  assert.ok(isVirtcontainersError(error), String(error));
  assert.match(
    error.message,
    /^cannot create pod no-memory: cannot add [0-9]+ MiB of memory to VM no-memory: ./,
  );
  assert.equal(error.details['failedCleanups'], undefined);
  assert.ok(steps.includes('resize begin'));
  await assert.rejects(runtime.podStatus('no-memory'), { code: 'not-found' });
  await e2e.assertNothingLeft();
});

test('a container for which a clone cannot grow is refused, and the pod goes on as it was', async () => {
  const pod = await runtime.createPod({ id: 'stays' });
  const box = await started(pod);
  const { memoryMiB } = await pod.status();
  boundAddresses('stays');
  const options = { rootfs: debian, command: idle, memoryMiB: 2048 };
  await assert.rejects(pod.createContainer({ id: 'large', ...options }), {
    message: /^cannot create container large: cannot add [0-9]+ MiB of memory to VM stays: ./,
  });
  assert.deepEqual(
    pod.containers.map(({ id }) => id),
    [box.id],
  );
  assert.equal((await pod.status()).memoryMiB, memoryMiB);
  assert.equal(await shOk(box, 'echo alive'), 'alive');
  await pod.delete({ force: true });
  await e2e.assertNothingLeft();
});

test('the clock of a clone is right from the start, and again after its VM stood still behind its back', async () => {
  await using pod = await runtime.createPod({ id: 'clock' });
  const box = await pod.createContainer({
    rootfs: debian,
    command: ['python3', '-c', clockProgram],
    stdin: true,
  });
  await box.start();
  const lines = box.lines();
  const assertRight = async (when: string, tookMs: number): Promise<void> => {
    const clock = await clockErrorMs(box, lines);
    assert.ok(clock.errorMs < clockBoundMs(tookMs), `${when}: ${JSON.stringify(clock)}`);
  };
  const setting = pod.timings.find(({ step }) => step === 'personalize');
  await assertRight('at the start', setting?.durationMs ?? 0);
  const [before, inside, after] = [
    new Date().toISOString().slice(0, 10),
    await shOk(box, 'date -u +%F'),
    new Date().toISOString().slice(0, 10),
  ];
  assert.ok([before, after].includes(inside), inside);
  // As where the host is suspended.
  const qemu = qemuBelow(e2e.vmPid('clock'));
  process.kill(qemu, 'SIGSTOP');
  await sleep(3000);
  process.kill(qemu, 'SIGCONT');
  await pod.pause();
  const begun = performance.now();
  await pod.resume();
  await assertRight('after the host stood still', performance.now() - begun);
});
