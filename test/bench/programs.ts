// What ordinary programs cost whose files come from the host: an interpreter's start, an archive's extraction.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import type { Container } from '../../src/index.js';
import type { Bench } from './bench.js';
import type { Row } from './figures.js';
import { type Ground, repeat } from './ground.js';

const kinds = ['discard', 'host'] as const;
const files = 2000;
/** Longest that the archive may take. */
const untarMs = 90_000;

export const pythonBench: Bench = {
  rows: kinds.flatMap((writes) =>
    ['first', 'second'].map((time) => `python3 -c pass, ${writes}, ${time}`),
  ),
  async run(ground) {
    const rows: Row[] = [];
    for (const writes of kinds) {
      const rounds = await repeat({ times: 3, maxMs: 40_000 }, () =>
        withContainer(ground, writes, async (container) => [
          await time(ground, container, ['python3', '-c', 'pass']),
          await time(ground, container, ['python3', '-c', 'pass']),
        ]),
      );
      for (const [index, which] of ['first', 'second'].entries()) {
        rows.push({
          name: `python3 -c pass, ${writes}, ${which}`,
          unit: 'ms',
          samples: rounds.map((round) => round[index] ?? Number.NaN),
          note: `exec in a container of a fresh pod, root with writes ${writes}, to the resolved \`wait\``,
        });
      }
    }
    return rows;
  },
};

export const untarBench: Bench = {
  rows: kinds.map((writes) => `untar of ${files} small files, ${writes}`),
  async run(ground) {
    makeArchive(ground);
    const rows: Row[] = [];
    for (const writes of kinds) {
      const samples = await withContainer(ground, writes, (container) =>
        repeat({ times: 3, maxMs: 40_000 }, async (index) => {
          const target = `/untar-${index}`;
          await time(ground, container, ['mkdir', target]);
          return await time(ground, container, ['tar', '-xf', '/small.tar', '-C', target]);
        }),
      );
      rows.push({
        name: `untar of ${files} small files, ${writes}`,
        unit: 'ms',
        samples,
        note: `20 directories, 1 KiB each; exec of tar in a root with writes ${writes}`,
      });
    }
    return rows;
  },
};

function makeArchive(ground: Ground): void {
  const tree = path.join(ground.scratch, 'small');
  for (let index = 0; index < files; index++) {
    const directory = path.join(tree, `d${index % 20}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, `f${index}`), Buffer.alloc(1024, index));
  }
  execFileSync('tar', ['-cf', path.join(ground.rootfs, 'small.tar'), '-C', tree, '.']);
}

async function withContainer<T>(
  ground: Ground,
  writes: (typeof kinds)[number],
  action: (container: Container) => Promise<T>,
): Promise<T> {
  const { signal, rootfs } = ground;
  return await ground.withPod(async (pod) => {
    const root = { kind: 'directory', path: rootfs, writes } as const;
    const container = await pod.createContainer({
      rootfs: root,
      command: ['sleep', 'infinity'],
      signal,
    });
    await container.start({ signal });
    return await action(container);
  });
}

async function time(
  ground: Ground,
  container: Container,
  command: readonly string[],
): Promise<number> {
  const signal = AbortSignal.any([ground.signal, AbortSignal.timeout(untarMs)]);
  const begin = performance.now();
  const process = await container.exec(command, { signal });
  const [{ code }, errors] = await Promise.all([
    process.wait({ signal }),
    text(process.stderr),
    buffer(process.stdout),
  ]);
  const tookMs = performance.now() - begin;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${errors}`);
  return tookMs;
}
