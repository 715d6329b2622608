// What a pod costs that a process of its own owns: its start, a command in it from elsewhere, and that process' memory.
import { readFileSync } from 'node:fs';
import { sleep } from '../../src/base/deadline.js';
import type { Bench } from './bench.js';
import { makeSureOfTemplate } from './clone.js';
import { execTrue, started } from './exec.js';
import { medianParts } from './figures.js';
import { startPod } from './first-byte.js';
import { repeat, virtc } from './ground.js';
import { memoryOf, settleMs } from './memory.js';

export const detachedBench: Bench = {
  rows: [
    'detached pod: createPod and container to first byte',
    'exec of true in a detached pod',
    'virtc exec of true in a detached pod',
    'virtc ps, one pod',
    'memory of one shim',
  ],
  async run(ground) {
    const { signal } = ground;
    await makeSureOfTemplate(ground);
    const rounds = await repeat({ times: 5, maxMs: 25_000 }, () =>
      startPod(ground, { detached: true }),
    );
    const [start = '', exec = '', program = '', ps = '', memory = ''] = this.rows;
    return await ground.withPod(
      async (pod) => {
        const container = await started(ground, pod, ['sleep', 'infinity']);
        const elsewhere = await ground.openRuntime().openPod(pod.id, { signal });
        const opened = elsewhere.container(container.id);
        await execTrue(ground, opened);
        const execs = await repeat({ times: 15, maxMs: 15_000 }, () => execTrue(ground, opened));
        const args = [virtc, 'exec', container.id, 'true'];
        const programs = await repeat({ times: 10, maxMs: 15_000 }, () =>
          ground.time(process.execPath, args),
        );
        const lists = await repeat({ times: 10, maxMs: 10_000 }, () =>
          ground.time(process.execPath, [virtc, 'ps']),
        );
        await sleep(settleMs, signal);
        const { ownerPid } = await pod.status();
        const own = memoryOf(ownerPid).filter(({ name }) => name === 'owner');
        return [
          {
            name: start,
            unit: 'ms',
            samples: rounds.map(({ startMs }) => startMs),
            note: '`createPod({ detached: true })`: a process more is started, and speaks for the pod from then on',
            parts: medianParts(rounds.map(({ parts }) => parts)),
          },
          {
            name: exec,
            unit: 'ms',
            samples: execs,
            note: 'as `exec of true`, by another process than the owner',
          },
          {
            name: program,
            unit: 'ms',
            samples: programs,
            note: 'from the start of its process to its end',
          },
          { name: ps, unit: 'ms', samples: lists },
          {
            name: memory,
            unit: 'MiB',
            samples: own.map(({ value }) => value),
            note: `PSS of the shim alone, after ${settleMs / 1000} s; the program that has started it shares Node's code with it`,
            parts: [{ name: 'RSS', value: rssMiBOf(ownerPid) }],
          },
        ];
      },
      { detached: true },
    );
  },
};

function rssMiBOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
