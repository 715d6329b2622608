// What it costs to run one more process, and one more container, in a pod that runs; crun on the host is the floor.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Container, Pod } from '../../src/index.js';
import { ownerState } from '../e2e/owner-state.js';
import type { Bench } from './bench.js';
import type { Row } from './figures.js';
import { type Ground, repeat } from './ground.js';

const idle = ['sleep', 'infinity'];

const hostCrunRow = 'floor: crun on the host';

export const execBench: Bench = {
  rows: [hostCrunRow, 'exec of true', 'exec of true beside a full stream', 'stream beside exec'],
  async run(ground) {
    const host = await measureHostCrun(ground);
    return await ground.withPod(async (pod) => {
      const container = await started(ground, pod, idle);
      await execTrue(ground, container);
      const bounds = { times: 25, maxMs: 20_000 };
      const alone = await repeat(bounds, () => execTrue(ground, container));
      const streaming = await started(ground, pod, ['cat', '/dev/zero']);
      let bytes = 0;
      streaming.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      await once(streaming.stdout, 'data', { signal: ground.signal });
      const [begin, before] = [performance.now(), bytes];
      const beside = await repeat(bounds, () => execTrue(ground, container));
      const rate = (bytes - before) / 1e3 / (performance.now() - begin);
      const [, exec = '', busy = '', stream = ''] = this.rows;
      return [
        ...host,
        {
          name: exec,
          unit: 'ms',
          samples: alone,
          note: 'from `exec` to the resolved `wait`, after a first one',
        },
        {
          name: busy,
          unit: 'ms',
          samples: beside,
          note: 'another container writes /dev/zero to a reading host',
        },
        {
          name: stream,
          unit: 'MB/s',
          samples: [rate],
          note: 'what that container gets through meanwhile',
        },
      ];
    });
  },
};

/** A container of a pod that runs. */
export async function started(
  ground: Ground,
  pod: Pod,
  command: readonly string[],
): Promise<Container> {
  const { rootfs, signal } = ground;
  const container = await pod.createContainer({ rootfs, command, signal });
  await container.start({ signal });
  return container;
}

/** Runs `true` to its end; how long it took, in milliseconds. */
export async function execTrue({ signal }: Ground, container: Container): Promise<number> {
  const begin = performance.now();
  const process = await container.exec(['true'], { signal });
  const { code } = await process.wait({ signal });
  if (code !== 0) throw new Error(`true ended with ${code}`);
  return performance.now() - begin;
}

/** No row where crun does not run on the host: the product does not need it there. */
async function measureHostCrun(ground: Ground): Promise<readonly Row[]> {
  try {
    const run = hostCrun(ground);
    const samples = await repeat({ times: 15, maxMs: 10_000 }, run);
    const note = '`crun run` of `true` in the same Debian, in a mount namespace made by `unshare`';
    return [{ name: hostCrunRow, unit: 'ms', samples, note }];
  } catch (error) {
    ground.signal.throwIfAborted();
    console.error(`${hostCrunRow} is left out: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}

function hostCrun(ground: Ground): () => Promise<number> {
  const bundle = path.join(ground.scratch, 'bundle');
  mkdirSync(bundle);
  execFileSync('crun', ['spec'], { cwd: bundle });
  const file = path.join(bundle, 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8')) as {
    process: { args: string[]; terminal: boolean };
    root: { path: string };
  };
  spec.process.args = ['true'];
  spec.process.terminal = false;
  spec.root.path = ground.rootfs;
  writeFileSync(file, JSON.stringify(spec));
  const state = path.join(ground.scratch, 'crun');
  // crun refuses a host whose cgroups are of both versions; it sees one in a mount namespace of its own.
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"';
  const alone = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
  return () =>
    ground.time('unshare', [...alone, '--root', state, 'run', '--bundle', bundle, 'bench']);
}

export const containersBench: Bench = {
  rows: [
    'one container: create, start, exec, delete',
    '100 containers: growth of the owner process',
    '100 containers: growth of its descriptors',
  ],
  async run(ground) {
    return await ground.withPod(async (pod) => {
      const samples: number[] = [];
      const cycle = async (): Promise<void> => {
        const begin = performance.now();
        const container = await started(ground, pod, idle);
        await execTrue(ground, container);
        await container.delete({ force: true, signal: ground.signal });
        samples.push(performance.now() - begin);
      };
      // What the first ones make stays and is not growth.
      for (let warm = 0; warm < 10; warm++) await cycle();
      const before = hostState();
      samples.length = 0;
      const bounds = { times: 50, maxMs: 75_000 };
      const half = (await repeat(bounds, cycle)).length;
      const halfway = hostState();
      const done = half + (await repeat(bounds, cycle)).length;
      const after = hostState();
      const tenth = Math.ceil(samples.length / 10);
      const mean = (part: readonly number[]): number =>
        part.reduce((sum, value) => sum + value, 0) / part.length;
      const [cost = '', memory = '', descriptors = ''] = this.rows;
      const rows: Row[] = [
        {
          name: cost,
          unit: 'ms',
          samples,
          note: `${done} one after another in one pod, after 10`,
          parts: [
            { name: 'mean of the first tenth', value: mean(samples.slice(0, tenth)) },
            { name: 'mean of the last tenth', value: mean(samples.slice(-tenth)) },
          ],
        },
        {
          name: memory,
          unit: 'MiB',
          samples: [after.usedMiB - before.usedMiB],
          note: 'RSS after garbage collection without the room that V8 keeps for new objects, up to 32 MiB whatever runs; what it still grew in the second half shows whether it is flat',
          parts: [
            { name: `first ${half}`, value: halfway.usedMiB - before.usedMiB },
            { name: `next ${done - half}`, value: after.usedMiB - halfway.usedMiB },
          ],
        },
        {
          name: descriptors,
          unit: 'descriptors',
          samples: [after.descriptors - before.descriptors],
        },
      ];
      return rows;
    });
  },
};

function hostState(): { readonly usedMiB: number; readonly descriptors: number } {
  const { heapMiB, nativeMiB, descriptors } = ownerState();
  return { usedMiB: heapMiB + nativeMiB, descriptors };
}
