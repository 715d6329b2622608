// What pods cost in memory: the proportional share (PSS) of every process that is there for them.
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { sleep } from '../../src/base/deadline.js';
import { descendants } from '../e2e/host-process.js';
import type { Bench } from './bench.js';
import type { Part, Row } from './figures.js';
import { checkout, exitOf } from './ground.js';

/** Until what a boot needed is given back: the balloon reports free pages every two seconds. */
const settleMs = 5000;
const counts = [1, 2, 4];

/** Of this process. */
export function rssMiB(): number {
  return process.memoryUsage.rss() / 1024 / 1024;
}

export const memoryBench: Bench = {
  rows: [
    'memory of one idle pod, everything',
    'memory that a second pod adds',
    'memory that a third and a fourth pod add, each',
    'createPod and a container, first pod of a process',
    'createPod and a container, second pod',
    'createPod and a container, third and fourth pod',
  ],
  async run(ground) {
    const file = path.join(checkout, 'dist/test/bench/pod-owner.js');
    const owner = ground.start(process.execPath, [file, ground.rootfs], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = exitOf(owner, ground.signal);
    ended.catch(() => {});
    const lines = createInterface({ input: owner.stdout ?? process.stdin })[Symbol.asyncIterator]();
    const next = async (): Promise<number> => {
      const { value, done } = await lines.next();
      if (done) throw new Error('the process that owns the pods has ended');
      return Number(value);
    };
    const bare = await next();
    const parts: (readonly Part[])[] = [];
    const startMs: number[] = [];
    for (const count of counts) {
      while (startMs.length < count) {
        owner.stdin?.write('\n');
        startMs.push(await next());
      }
      await sleep(settleMs, ground.signal);
      parts.push(memoryOf(owner));
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
  const [one = 0, two = 0, four = 0] = parts.map((list) =>
    list.reduce((sum, { value }) => sum + value, 0),
  );
  const [first = '', second = '', later = '', start1 = '', start2 = '', start34 = ''] = names;
  const note = `PSS with one container that sleeps, after ${settleMs / 1000} s`;
  return [
    {
      name: first,
      unit: 'MiB',
      samples: [one],
      note: `${note}; the owner process, bare Node and the library with it, has an RSS of ${bare.toFixed(0)} MiB before`,
      parts: parts[0] ?? [],
    },
    { name: second, unit: 'MiB', samples: [two - one], note },
    { name: later, unit: 'MiB', samples: [(four - two) / 2], note },
    {
      name: start1,
      unit: 'ms',
      samples: startMs.slice(0, 1),
      note: 'with the loading of what it needs',
    },
    { name: start2, unit: 'ms', samples: startMs.slice(1, 2), note: 'beside one idle pod' },
    {
      name: start34,
      unit: 'ms',
      samples: startMs.slice(2),
      note: 'beside two and three idle pods',
    },
  ];
}

/** PSS by kind of process, the owner's and its descendants'. */
function memoryOf(owner: ChildProcess): readonly Part[] {
  const { pid } = owner;
  if (pid === undefined) throw new Error('the process that owns the pods has no pid');
  const kinds = { owner: 0, QEMU: 0, keeper: 0 };
  for (const one of [pid, ...descendants(pid)]) {
    const command = readFileSync(`/proc/${one}/comm`, 'utf8');
    const kind = one === pid ? 'owner' : command.startsWith('qemu') ? 'QEMU' : 'keeper';
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
