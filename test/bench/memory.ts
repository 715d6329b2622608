// What pods cost in memory: the proportional share (PSS) of every process that is there for them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { sleep, waitFor } from '../../src/base/deadline.js';
import { descendants } from '../e2e/host-process.js';
import type { Bench } from './bench.js';
import { makeSureOfTemplate } from './clone.js';
import type { Part, Row } from './figures.js';
import { checkout, exitOf } from './ground.js';

/** Until what a start needed is given back, in milliseconds: the balloon reports free pages every two seconds. */
export const settleMs = 5000;
/** How many pods there are when memory is looked at. */
const [few, many] = [1, 20] as const;

/** Of this process. */
export function rssMiB(): number {
  return process.memoryUsage.rss() / 1024 / 1024;
}

export const memoryBench: Bench = {
  rows: [
    'memory of one idle pod, everything',
    'memory that a cloned pod adds at 20 pods',
    'createPod and a container, first pod of a process',
    'createPod and a container, pods 2 to 5',
    'createPod and a container, pods 16 to 20',
  ],
  async run(ground) {
    await makeSureOfTemplate(ground);
    const file = path.join(checkout, 'dist/test/bench/pod-owner.js');
    const owner = ground.start(process.execPath, [file, ground.rootfs], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = exitOf(owner, ground.signal);
    ended.catch(() => {});
    const lines = createInterface({ input: owner.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const next = async (): Promise<number> => {
      const { value, done } = await waitFor(lines.next(), {
        what: 'cannot make a pod',
        signal: ground.signal,
      });
      if (done) throw new Error('the process that owns the pods has ended');
      return Number(value);
    };
    const bare = await next();
    const parts: (readonly Part[])[] = [];
    const startMs: number[] = [];
    for (const count of [few, many]) {
      while (startMs.length < count) {
        owner.stdin?.write('\n');
        startMs.push(await next());
      }
      await sleep(settleMs, ground.signal);
      parts.push(memoryOf(owner.pid ?? 0));
    }
    owner.stdin?.end();
    if ((await ended) !== 0) throw new Error('the process that owns the pods has failed');
    return toRows(this.rows, { parts, startMs, bare });
  },
};

interface Measured {
  readonly parts: readonly (readonly Part[])[];
  readonly startMs: readonly number[];
  /** RSS of the owner before its first pod, MiB. */
  readonly bare: number;
}

function toRows(names: readonly string[], { parts, startMs, bare }: Measured): readonly Row[] {
  const [one = 0, all = 0] = parts.map((list) => list.reduce((sum, { value }) => sum + value, 0));
  const [first = '', further = '', start1 = '', early = '', late = ''] = names;
  const note = `PSS with one container that sleeps, clones of one template, after ${settleMs / 1000} s`;
  return [
    {
      name: first,
      unit: 'MiB',
      samples: [one],
      note: `${note}; the owner process, bare Node and the library with it, has an RSS of ${bare.toFixed(0)} MiB before`,
      parts: parts[0] ?? [],
    },
    {
      name: further,
      unit: 'MiB',
      samples: [(all - one) / (many - few)],
      note: `${note}: what ${many} take more than one, a pod`,
      parts: [
        ...(parts[1] ?? []).map(({ name, value }) => ({
          name: `${name}, a pod`,
          value: value / many,
        })),
        { name: 'all, a pod', value: all / many },
      ],
    },
    {
      name: start1,
      unit: 'ms',
      samples: startMs.slice(0, 1),
      note: 'a clone, with the loading of what it needs',
    },
    { name: early, unit: 'ms', samples: startMs.slice(1, 5), note: 'beside one to four idle pods' },
    {
      name: late,
      unit: 'ms',
      samples: startMs.slice(-5),
      note: 'beside fifteen to nineteen idle pods',
    },
  ];
}

/** PSS by kind of process, of one that owns pods and of its descendants. */
export function memoryOf(owner: number): readonly Part[] {
  const kinds = { owner: 0, QEMU: 0, keeper: 0 };
  for (const one of [owner, ...descendants(owner)]) {
    const command = readFileSync(`/proc/${one}/comm`, 'utf8');
    const kind = one === owner ? 'owner' : command.startsWith('qemu') ? 'QEMU' : 'keeper';
    kinds[kind] += pssMiB(one);
  }
  return Object.entries(kinds).map(([name, value]) => ({ name, value }));
}

function pssMiB(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
  if (kib === undefined) throw new Error(`cannot read the memory of process ${pid}`);
  return Number(kib) / 1024;
}
