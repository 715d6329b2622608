// How long a pod takes to come that boots, and to go: beside the boot of a bare VM, in turns with it.
import type { Bench } from './bench.js';
import { medianParts, type Row } from './figures.js';
import { runVirtc, startPod } from './first-byte.js';
import { repeat, virtc } from './ground.js';
import { bareToQmp, bootRaw, jailedToQmp, makeFloorInitrd, planRawVm } from './raw-vm.js';

const boots = { template: false } as const;

export const startBench: Bench = {
  rows: [
    'floor: raw cold boot',
    'cold start: createPod and container to first byte',
    'cold start: whole virtc run to first byte',
    'stop and delete, ended by SIGTERM',
  ],
  async run(ground) {
    const raw = await planRawVm(ground, { initrd: await makeFloorInitrd(ground) });
    // The first of all pods makes what later ones find: a worker thread, a user namespace, the KVM probe's answer.
    await startPod(ground, boots);
    const rounds = await repeat({ times: 5, maxMs: 75_000 }, async () => ({
      raw: await bootRaw(ground, raw),
      pod: await startPod(ground, boots),
      virtc: await runVirtc(ground, ['--no-template']),
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
        '`virtc run --no-template --rootfs DIR -- echo x`, from the start of its process',
      ),
      row(
        stop,
        rounds.map(({ pod }) => pod.stopMs),
        '`pod.stop()` and `pod.delete()`, its container running',
      ),
    ];
  },
};

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
