// Tests of the KVM probe: each no is final and named, the test guest really runs, and this host's device is never trusted alone.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  chooseAccelerator,
  hasVirtualization,
  hostKvm,
  type KvmProbeParts,
  opensDevice,
  probeKvm,
} from './kvm-probe.js';
import { ProbeCache } from './probe-cache.js';
import { probeFirmware, runProbeGuest } from './probe-guest.js';

const program = '/usr/bin/qemu-system-x86_64';
let directory = '';
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-kvm-'));
});
after(() => rm(directory, { recursive: true, force: true }));

function fakeParts(answers: Partial<Record<keyof KvmProbeParts, string>>) {
  const asked: string[] = [];
  const part = (name: keyof KvmProbeParts) => async (): Promise<string | null> => {
    asked.push(name);
    return answers[name] ?? null;
  };
  const parts: KvmProbeParts = {
    cpuHasVirtualization: part('cpuHasVirtualization'),
    deviceOpens: part('deviceOpens'),
    guestRuns: part('guestRuns'),
  };
  return { parts, asked };
}

test('KVM is used where all three say yes', async () => {
  const { parts, asked } = fakeParts({});
  assert.equal((await probeKvm(parts)).kind, 'kvm');
  assert.deepEqual(asked, ['cpuHasVirtualization', 'deviceOpens', 'guestRuns']);
});

test('the first no ends the probe, before anything dearer, and is the reason', async () => {
  const order = ['cpuHasVirtualization', 'deviceOpens', 'guestRuns'] as const;
  for (const [index, name] of order.entries()) {
    const { parts, asked } = fakeParts({ [name]: `no ${name}` });
    assert.deepEqual(await probeKvm(parts), {
      kind: 'tcg',
      reason: `KVM cannot be used: no ${name}`,
    });
    assert.equal(asked.length, index + 1);
  }
});

test('insisting on KVM where it does not work is unsupported, with reason and hint', () => {
  const tcg = { kind: 'tcg', reason: 'KVM cannot be used: no vmx' } as const;
  assert.equal(chooseAccelerator('auto', tcg), tcg);
  assert.throws(() => chooseAccelerator('kvm', tcg), {
    code: 'unsupported',
    message: 'cannot use accelerator kvm: no vmx',
    hint: /tcg/,
  });
});

test('the processor flag is looked for as a whole word in the flags alone', () => {
  assert.equal(hasVirtualization('model name: vmx\nflags\t\t: fpu sse2\n'), false);
  assert.equal(hasVirtualization('flags\t\t: fpu vmxx nsvm\n'), false);
  assert.equal(hasVirtualization('flags\t\t: fpu vmx sse2\n'), true);
  assert.equal(hasVirtualization('vmx flags\t: x\nflags\t\t: fpu svm\n'), true);
});

test('a device that does not open says why', async () => {
  assert.match(
    (await opensDevice(path.join(directory, 'kvm'))) ?? '',
    /kvm does not open \(ENOENT.*\)$/,
  );
  assert.equal(await opensDevice('/dev/null'), null);
});

test('the test guest runs, interrupts included, under emulation', async () => {
  assert.equal(probeFirmware().length, 65_536);
  assert.equal(await runProbeGuest({ program, accelerator: 'tcg', timeoutMs: 20_000 }), null);
});

test('a test guest that hangs, fails or has no QEMU is a no with its reason', async () => {
  const fake = path.join(directory, 'qemu');
  await writeFile(fake, '#!/bin/sh\nexec sleep 30\n', { mode: 0o755 });
  const run = (accelerator: 'kvm' | 'tcg', timeoutMs = 20_000) =>
    runProbeGuest({ program: fake, accelerator, timeoutMs });
  assert.equal(await run('kvm', 50), 'a test guest did not run within 50 ms');
  await writeFile(fake, '#!/bin/sh\nprintf "no \\033[31mkvm" >&2\nexit 1\n', { mode: 0o755 });
  assert.equal(await run('kvm'), 'a test guest failed: no \\x1b[31mkvm');
  await writeFile(fake, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  assert.equal(await run('kvm'), 'a test guest failed: code 0');
  await rm(fake);
  assert.equal(await run('kvm'), `${fake} is not there`);
});

test('on this host KVM is only used where the processor has it, whatever /dev/kvm says', async () => {
  const flagged = hasVirtualization(await readFile('/proc/cpuinfo', 'latin1'));
  const parts = hostKvm({ program, cacheDirectory: null });
  const guarded: KvmProbeParts = {
    ...parts,
    guestRuns: async () => (flagged ? null : assert.fail('a guest was about to run in it')),
  };
  const { kind, reason } = await probeKvm(guarded);
  if (!flagged) assert.deepEqual([kind, /vmx nor svm/.test(reason)], ['tcg', true]);
});

test('a QEMU that is not there is a no, and its absence is not remembered', async () => {
  const cacheDirectory = path.join(directory, 'absent');
  const { guestRuns } = hostKvm({ program: '/no/such/qemu', cacheDirectory });
  assert.equal(await guestRuns(), '/no/such/qemu is not there');
  await assert.rejects(readFile(path.join(cacheDirectory, 'kvm-probe.json')), { code: 'ENOENT' });
});

test('an answer is remembered under its key: a yes until the key changes, a no for a while', async () => {
  const file = path.join(directory, 'deep', 'probe.json');
  let runs = 0;
  const ask = (key: string, answer: string | null, refusalLifeMs = 10_000) =>
    new ProbeCache({ file, key, refusalLifeMs }).remember(async () => {
      runs += 1;
      return answer;
    });
  assert.equal(await ask('a', null), null);
  assert.equal(await ask('a', 'not asked'), null);
  assert.equal(runs, 1);
  assert.equal(await ask('b', 'no'), 'no');
  assert.equal(await ask('b', null), 'no');
  assert.equal(runs, 2);
  assert.equal(await ask('b', null, 0), null);
  await writeFile(file, '{broken');
  assert.equal(await ask('b', 'again'), 'again');
  assert.equal(runs, 4);
});

test('a cache that cannot be written does not matter', async () => {
  const cache = new ProbeCache({ file: '/dev/null/x.json', key: 'k', refusalLifeMs: 1 });
  assert.equal(await cache.remember(async () => 'no'), 'no');
});

test('an answer can be had without being remembered, and one that is remembered counts then too', async () => {
  const file = path.join(directory, 'recalled', 'probe.json');
  const cache = new ProbeCache({ file, key: 'k', refusalLifeMs: 10_000 });
  assert.equal(await cache.recall(async () => 'no'), 'no');
  await assert.rejects(readFile(file), { code: 'ENOENT' });
  assert.equal(await cache.remember(async () => null), null);
  assert.equal(await cache.recall(async () => 'no'), null);
});
