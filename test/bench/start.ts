// How long a pod takes to come and to go: beside the boot of a bare VM, in turns with it.
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Bench } from './bench.js';
import { medianParts, type Part, type Row } from './figures.js';
import { exitOf, type Ground, repeat, virtc } from './ground.js';
import { bareToQmp, bootRaw, jailedToQmp, makeFloorInitrd, planRawVm } from './raw-vm.js';

/** Prints a byte and ends at SIGTERM: a first process has no default action for it. */
const untilTerm = ['sh', '-c', 'trap "exit 0" TERM; echo x; while :; do sleep 1000 & wait; done'];

export const startBench: Bench = {
  rows: [
    'floor: raw cold boot',
    'cold start: createPod and container to first byte',
    'cold start: whole virtc run to first byte',
    'stop and delete, ended by SIGTERM',
  ],
  async run(ground) {
    const raw = await planRawVm(ground, await makeFloorInitrd(ground));
    // The first of all pods makes what later ones find: a worker thread, a user namespace, the KVM probe's answer.
    await startPod(ground);
    const rounds = await repeat({ times: 5, maxMs: 120_000 }, async () => ({
      raw: await bootRaw(ground, raw),
      pod: await startPod(ground),
      virtc: await runVirtc(ground),
    }));
    const [floor = '', cold = '', program = '', stop = ''] = this.rows;
    const row = (name: string, samples: readonly number[], note: string): Row => ({
      name,
      unit: 'ms',
      samples,
      note,
    });
    return [
      row(
        floor,
        rounds.map((round) => round.raw),
        'QEMU as a pod has it, outside a jail; same kernel, initramfs and modules; a static first program to its first line',
      ),
      {
        ...row(
          cold,
          rounds.map(({ pod }) => pod.startMs),
          'warm process and page cache; `sh -c "echo x; …"` in Debian, writes discarded',
        ),
        parts: medianParts(rounds.map(({ pod }) => pod.parts)),
      },
      row(
        program,
        rounds.map((round) => round.virtc),
        '`virtc run --rootfs DIR -- echo x`, from the start of its process',
      ),
      row(
        stop,
        rounds.map(({ pod }) => pod.stopMs),
        '`pod.stop()` and `pod.delete()`, its container running',
      ),
    ];
  },
};

async function startPod(ground: Ground) {
  const { signal, rootfs } = ground;
  const begin = performance.now();
  const pod = await ground.runtime.createPod({ signal });
  try {
    const container = await pod.createContainer({ rootfs, command: untilTerm, signal });
    await container.start({ signal });
    await once(container.stdout, 'data', { signal });
    const startMs = performance.now() - begin;
    const steps = pod.timings.map(({ step, durationMs }) => ({ name: step, value: durationMs }));
    const known = steps.reduce((sum, { value }) => sum + value, 0);
    const parts: readonly Part[] = [
      ...steps,
      { name: 'between and first byte', value: startMs - known },
    ];
    container.stdout.resume();
    const beginStop = performance.now();
    await pod.stop({ signal });
    await pod.delete({ signal });
    return { startMs, parts, stopMs: performance.now() - beginStop };
  } finally {
    await pod.delete({ force: true });
  }
}

async function runVirtc(ground: Ground): Promise<number> {
  const begin = performance.now();
  const args = [virtc, 'run', '--rootfs', ground.rootfs, '--', 'echo', 'x'];
  const child = ground.start(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = exitOf(child, ground.signal);
  const errors = child.stderr === null ? '' : text(child.stderr);
  let firstMs: number | undefined;
  child.stdout?.on('data', () => {
    firstMs ??= performance.now() - begin;
  });
  const code = await ended;
  if (code !== 0 || firstMs === undefined)
    throw new Error(`virtc run: exit ${code}: ${await errors}`);
  return firstMs;
}

export const jailBench: Bench = {
  rows: ['floor: bare QEMU to QMP', 'jailed QEMU to QMP'],
  async run(ground) {
    const vm = await planRawVm(ground);
    await jailedToQmp(ground, vm);
    const rounds = await repeat({ times: 15, maxMs: 20_000 }, async () => ({
      bare: await bareToQmp(ground, vm),
      jailed: await jailedToQmp(ground, vm),
    }));
    const [bare = '', jailed = ''] = this.rows;
    return [
      { name: bare, unit: 'ms', samples: rounds.map((round) => round.bare) },
      {
        name: jailed,
        unit: 'ms',
        samples: rounds.map((round) => round.jailed),
        note: 'the same arguments; the jail as a pod gets it, made by a worker that is there already',
      },
    ];
  },
};

export const commandBench: Bench = {
  rows: ['floor: node -e 0', 'virtc version', 'virtc run of a bad flag'],
  async run(ground) {
    const node = process.execPath;
    const rounds = await repeat({ times: 15, maxMs: 20_000 }, async () => [
      await ground.time(node, ['-e', '0']),
      await ground.time(node, [virtc, 'version']),
      await ground.time(node, [virtc, 'run', '--no-such-flag'], 125),
    ]);
    return this.rows.map((name, index) => ({
      name,
      unit: 'ms',
      samples: rounds.map((round) => round[index] ?? Number.NaN),
    }));
  },
};
