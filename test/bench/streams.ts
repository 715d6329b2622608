// How fast bytes go through a container's standard streams, every one of them checked, and what they cost the host.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Container } from '../../src/index.js';
import type { Bench } from './bench.js';
import { type Ground, repeat } from './ground.js';
import { rssMiB } from './memory.js';

const sizeMiB = 64;
const megabytes = (sizeMiB * 1024 * 1024) / 1e6;

export const streamBench: Bench = {
  rows: [
    'stdin throughput',
    'stdout throughput',
    'stdin: growth of the host process',
    'stdout: growth of the host process',
  ],
  async run(ground) {
    const block = randomBytes(1024 * 1024);
    const hash = createHash('sha256');
    for (let index = 0; index < sizeMiB; index++) hash.update(numbered(block, index));
    const wanted = hash.digest('hex');
    return await ground.withPod(
      async (pod) => {
        const { rootfs, signal } = ground;
        const container = await pod.createContainer({
          rootfs,
          command: ['sleep', 'infinity'],
          mounts: [{ kind: 'tmpfs', destination: '/data', sizeBytes: '256MiB' }],
          signal,
        });
        await container.start({ signal });
        const bounds = { times: 3, maxMs: 60_000 };
        const input = await repeat(bounds, () => measured(() => send(ground, container, block)));
        await checkInGuest(ground, container, wanted);
        const output = await repeat(bounds, () =>
          measured(() => receive(ground, container, wanted)),
        );
        const [stdin = '', stdout = '', stdinGrowth = '', stdoutGrowth = ''] = this.rows;
        const note = `${sizeMiB} MiB that do not repeat, compared by SHA-256`;
        return [
          {
            name: stdin,
            unit: 'MB/s',
            samples: input.map(({ rate }) => rate),
            note: `${note}; into \`cat > tmpfs\``,
          },
          {
            name: stdout,
            unit: 'MB/s',
            samples: output.map(({ rate }) => rate),
            note: `${note}; from \`cat\``,
          },
          {
            name: stdinGrowth,
            unit: 'MiB',
            samples: input.map(({ growthMiB }) => growthMiB),
            note: growthNote,
          },
          {
            name: stdoutGrowth,
            unit: 'MiB',
            samples: output.map(({ growthMiB }) => growthMiB),
            note: growthNote,
          },
        ];
      },
      { memoryMiB: '1GiB' },
    );
  },
};

const growthNote = 'largest RSS meanwhile over the one before';

/** Blocks differ, so that one that is lost, doubled or out of order is noticed. */
function numbered(block: Buffer, index: number): Buffer {
  const copy = Buffer.from(block);
  copy.writeUInt32LE(index, 0);
  return copy;
}

async function measured(action: () => Promise<void>) {
  globalThis.gc?.();
  const before = rssMiB();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, rssMiB());
  }, 50);
  const begin = performance.now();
  try {
    await action();
    return { rate: megabytes / ((performance.now() - begin) / 1000), growthMiB: most - before };
  } finally {
    clearInterval(watch);
  }
}

async function send({ signal }: Ground, container: Container, block: Buffer): Promise<void> {
  const command = ['sh', '-c', 'cat > /data/blocks'];
  const process = await container.exec(command, { stdin: true, signal });
  for (let index = 0; index < sizeMiB; index++) {
    if (!process.stdin.write(numbered(block, index)))
      await once(process.stdin, 'drain', { signal });
  }
  process.stdin.end();
  await ended(process.wait({ signal }));
}

async function checkInGuest(
  { signal }: Ground,
  container: Container,
  wanted: string,
): Promise<void> {
  const process = await container.exec(['sha256sum', '/data/blocks'], { signal });
  const [sum] = await Promise.all([text(process.stdout), ended(process.wait({ signal }))]);
  if (!sum.startsWith(wanted)) throw new Error(`standard input was not what was sent: ${sum}`);
}

async function receive({ signal }: Ground, container: Container, wanted: string): Promise<void> {
  const process = await container.exec(['cat', '/data/blocks'], { signal });
  const hash = createHash('sha256');
  for await (const chunk of process.stdout) hash.update(chunk as Buffer);
  await ended(process.wait({ signal }));
  if (hash.digest('hex') !== wanted) throw new Error('standard output was not what was written');
}

async function ended(status: Promise<{ readonly code: number | null }>): Promise<void> {
  const { code } = await status;
  if (code !== 0) throw new Error(`a program in the container ended with ${code}`);
}
