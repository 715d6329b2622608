// Tests of setups that are killed anywhere, meet each other or have strange roots: nothing half is ever found, and the next one cleans up.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { isVirtcontainersError } from '../src/base/errors.js';
import { processHandle, waitForDeath } from '../src/base/process-handle.js';
import { openGuestImage } from '../src/host/images/guest-image.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-interrupted-'));
after(() => rm(base, { recursive: true, force: true }));

const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);

// What setupGuestImage does, with two small parts in place of a kernel and a root image. It tells where it is.
const program = `
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashBytes } from ${url('./hash.js')};
import { installImage } from ${url('./install.js')};
import { ensurePart } from ${url('./parts.js')};
import { runProgram } from ${url('./run-program.js')};
import { withScratch } from ${url('./scratch.js')};

const directory = process.argv[1];
const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
const { signal } = abort;
const tell = (text) => process.stdout.write(text + '\\n');
// Half of the file, a program with a child that writes all the time, the other half.
const build = (name, seconds) => async (target) => {
  const file = path.join(target, name);
  await writeFile(file, 'half');
  tell(name + '-half');
  const script = '(while :; do date > "$1/noise"; done) & sleep "$2"; kill $!';
  await runProgram('sh', ['-c', script, 'sh', target, seconds], { what: 'cannot build', signal });
  await appendFile(file, ' whole');
  return { [name]: '1' };
};
try {
  await withScratch(directory, { signal, onWait: () => tell('wait') }, async (scratch) => {
    const store = { directory: path.join(directory, 'parts'), scratch, force: false };
    const seconds = process.argv[2];
    const part = async (name) => {
      const made = await ensurePart(store, { name, inputs: [name], build: build(name, seconds) });
      tell(name + '-made');
      const from = { kind: 'path', path: path.join(made.directory, name) };
      return { name, sha512: made.files[name], from };
    };
    const kernel = await part('vmlinux');
    const rootImage = await part('root.erofs');
    const data = Buffer.from(process.argv[3] ?? 'agent');
    const initrd = { name: 'initrd.cpio', sha512: hashBytes(data), from: { kind: 'data', data } };
    await installImage(directory, scratch, {
      files: { kernel, rootImage, initrd },
      versions: {},
      kernelParameters: ['quiet'],
    });
    tell('installed');
  });
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = 130;
}
`;

const endBy = { SIGKILL: [null, 'SIGKILL'], SIGINT: [130, null] } as const;

interface Point {
  /** What the setup has told. */
  readonly after: string;
  readonly thenMs: number;
  /** How long each part takes. */
  readonly seconds: string;
}

const points: readonly Point[] = [
  { after: 'vmlinux-half', thenMs: 0, seconds: '30' },
  { after: 'vmlinux-half', thenMs: 150, seconds: '30' },
  { after: 'vmlinux-made', thenMs: 0, seconds: '0' },
  { after: 'root.erofs-half', thenMs: 0, seconds: '0' },
  ...[0, 1, 2, 3, 5].map((thenMs) => ({ after: 'root.erofs-made', thenMs, seconds: '0' })),
];

async function setup(directory: string, seconds: string, until?: Point, signal?: NodeJS.Signals) {
  const args = ['--input-type=module', '-e', program, directory, seconds];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (line !== until?.after) continue;
    if (until.thenMs > 0) await new Promise((resolve) => setTimeout(resolve, until.thenMs));
    child.kill(signal);
  }
  return { lines, end: await exited };
}

/** Processes that work below a directory. */
async function workersIn(directory: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_pid, index) => lines[index]?.includes(`${directory}/`));
}

async function assertNothingHalf(directory: string, libRoot: string): Promise<void> {
  for (const name of await readdir(path.join(directory, 'parts')).catch(() => [])) {
    const file = path.join(directory, 'parts', name, name.replace(/-[^-]*$/, ''));
    assert.equal(await readFile(file, 'utf8'), 'half whole');
    await readFile(path.join(directory, 'parts', name, 'part.json'));
  }
  for (const name of (await readdir(directory)).filter((entry) => /^[0-9a-f]{32}$/.test(entry))) {
    await openGuestImage({ libRoot, path: path.join(directory, name) });
  }
  await openGuestImage({ libRoot }).catch((error: unknown) => {
    assert.ok(isVirtcontainersError(error) && error.code === 'not-found', String(error));
  });
}

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  test(`a setup that ${signal} ends anywhere leaves nothing half, and the next one cleans up`, async () => {
    for (const [index, point] of points.entries()) {
      const libRoot = path.join(base, `${signal}-${index}`);
      const directory = path.join(libRoot, 'guest');
      await mkdir(directory, { recursive: true });
      const { end } = await setup(directory, point.seconds, point, signal);
      if (point.seconds !== '0') assert.deepEqual(end, endBy[signal]);
      await assertNothingHalf(directory, libRoot);
      const { lines } = await setup(directory, '0');
      assert.equal(lines.at(-1), 'installed');
      await openGuestImage({ libRoot });
      const names = (await readdir(directory)).filter((name) => !/^[0-9a-f]{32}$/.test(name));
      assert.deepEqual(names.sort(), ['current', 'lock', 'parts']);
      await assertNothingHalf(directory, libRoot);
      for (const pid of await workersIn(directory)) {
        const handle = processHandle(pid);
        assert.ok(handle === null || (await waitForDeath(handle, 5_000)), `${pid} works on`);
      }
    }
  });
}

/** Begins a setup with an agent of its own and ends it after some milliseconds. */
async function killedAfter(ms: number, directory: string, agent: string): Promise<void> {
  const args = ['--input-type=module', '-e', program, directory, '0', agent];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  await once(child, 'exit');
  clearTimeout(timer);
}

test('while setups are killed at random moments a reader finds whole images only, and never none again', async () => {
  const libRoot = path.join(base, 'random');
  const directory = path.join(libRoot, 'guest');
  await mkdir(directory, { recursive: true });
  await setup(directory, '0');
  const first = (await openGuestImage({ libRoot })).id;
  const seen = new Set<string>();
  const delays = Array.from({ length: 6 }, () => Math.round(100 + Math.random() * 500));
  let isOver = false;
  const reading = (async () => {
    for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 1))) {
      seen.add((await openGuestImage({ libRoot })).id);
    }
  })().catch((error: unknown) => error);
  for (const [round, ms] of delays.entries()) await killedAfter(ms, directory, `agent ${round}`);
  const { lines, end } = await setup(directory, '0');
  isOver = true;
  const where = `killed after ${delays.join(', ')} ms`;
  assert.equal(await reading, undefined, where);
  assert.deepEqual([lines.at(-1), end], ['installed', [0, null]], where);
  assert.equal((await openGuestImage({ libRoot })).id, first, where);
  assert.ok(seen.has(first));
  await assertNothingHalf(directory, libRoot);
  const others = (await readdir(directory)).filter((name) => !/^[0-9a-f]{32}$/.test(name));
  assert.deepEqual(others.sort(), ['current', 'lock', 'parts'], where);
});

test('of two setups at once one waits and then finds all that the other has built', async () => {
  const libRoot = path.join(base, 'two');
  const directory = path.join(libRoot, 'guest');
  await mkdir(directory, { recursive: true });
  const both = await Promise.all([setup(directory, '0.5'), setup(directory, '0.5')]);
  for (const { lines, end } of both) {
    assert.deepEqual([lines.at(-1), end], ['installed', [0, null]]);
  }
  const told = both.flatMap(({ lines }) => lines);
  const times = (line: string): number => told.filter((one) => one === line).length;
  assert.deepEqual([times('vmlinux-half'), times('root.erofs-half'), times('wait')], [1, 1, 1]);
  await assertNothingHalf(directory, libRoot);
});

test('a library root may be on another file system than the temporary directory, a link, or have any name', async () => {
  const shm = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const elsewhere = await mkdtemp(path.join(shm, 'virtc-elsewhere-'));
  try {
    const link = path.join(base, 'link');
    await symlink(elsewhere, link);
    const names = ['a b, c=d', 'line\nend', 'ü 😀', '-rf', '%s$(id)`id`', '"quoted" \\'];
    const roots = [
      elsewhere,
      path.join(link, 'below'),
      ...names.map((name) => path.join(base, name)),
    ];
    for (const libRoot of roots) {
      const directory = path.join(libRoot, 'guest');
      await mkdir(directory, { recursive: true });
      const { lines } = await setup(directory, '0');
      assert.equal(lines.at(-1), 'installed', libRoot);
      await openGuestImage({ libRoot });
      await assertNothingHalf(directory, libRoot);
    }
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});
