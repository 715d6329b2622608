// A program for tests: makes pods where there is really no room, in a mount namespace of its own, and prints what came of each.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isVirtcontainersError, reasonOf } from '../base/errors.js';
import { DiskWorld, openDescriptors } from './disk-world.js';

/** What came of one pod, with so much room. */
export interface Attempt {
  /** Pages, inodes or descriptors that were free. */
  readonly free: number;
  /** Null where all went well. */
  readonly failure: {
    readonly code: string;
    readonly message: string;
    readonly path: string;
  } | null;
  /** What was there when there was room again and `gc` had been called. */
  readonly left: ReturnType<DiskWorld['left']>;
  /** What was open then and had not been before. */
  readonly open: readonly string[];
}

/** Takes all room but `free` of it, and gives it back. */
interface Shortage {
  take(free: number): void;
  giveBack(): void;
  /** With less than so much, a QEMU that is none answers nothing more: it has its descriptors of this process. */
  readonly deafBelow?: number;
}

const page = 4096;

function noSpace(directory: string): Shortage {
  const file = path.join(directory, 'filler');
  return {
    take: (free) => {
      const fd = fs.openSync(file, 'w');
      try {
        for (;;) fs.writeSync(fd, Buffer.alloc(page));
      } catch {
        fs.ftruncateSync(fd, Math.max(0, fs.fstatSync(fd).size - free * page));
      } finally {
        fs.closeSync(fd);
      }
    },
    giveBack: () => fs.rmSync(file),
  };
}

function noInodes(directory: string): Shortage {
  const fillers = path.join(directory, 'fillers');
  return {
    take: (free) => {
      fs.mkdirSync(fillers);
      let count = 0;
      try {
        for (;;) fs.closeSync(fs.openSync(path.join(fillers, String(count++)), 'w'));
      } catch {
        for (let index = 0; index < free; index++) fs.rmSync(path.join(fillers, String(index)));
      }
    },
    giveBack: () => fs.rmSync(fillers, { recursive: true }),
  };
}

function noDescriptors(): Shortage {
  let taken: number[] = [];
  return {
    deafBelow: 16,
    take: (free) => {
      const limit = spawnSync('prlimit', ['--pid', String(process.pid), '--nofile=80:']);
      if (limit.status !== 0) throw new Error(`prlimit: ${String(limit.stderr)}`);
      try {
        for (;;) taken.push(fs.openSync('/dev/null', 'r'));
      } catch {
        for (const fd of taken.splice(0, free)) fs.closeSync(fd);
      }
    },
    giveBack: () => {
      for (const fd of taken) fs.closeSync(fd);
      taken = [];
    },
  };
}

function readOnly(directory: string): Shortage {
  const remount = (how: string): void => mount('-o', `remount,bind,${how}`, directory);
  return {
    take: (free) => {
      // Once where nothing has been made, once where the directories are there.
      for (const name of free === 0 ? [] : ['run', 'run/pods', 'run/containers', 'lib']) {
        fs.mkdirSync(path.join(directory, name), { recursive: true, mode: 0o700 });
      }
      remount('ro');
    },
    giveBack: () => remount('rw'),
  };
}

function mount(...given: string[]): void {
  const { status, stderr } = spawnSync('mount', given, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${given.join(' ')}: ${stderr}`);
}

async function life(world: DiskWorld, signal?: AbortSignal): Promise<void> {
  const pod = await world.runtime.createPod({
    id: 'p',
    ...(signal === undefined ? {} : { signal }),
  });
  const container = await pod
    .createContainer({ id: 'c', rootfs: world.rootfs, command: ['sleep'] })
    .catch(async (error: unknown) => {
      await pod.delete({ force: true }).catch(() => {});
      throw error;
    });
  try {
    await container.start();
  } finally {
    await pod.delete({ force: true }).catch(() => {});
  }
}

async function attempt(world: DiskWorld, shortage: Shortage, free: number): Promise<Attempt> {
  const before = openDescriptors();
  shortage.take(free);
  const isDeaf = free < (shortage.deafBelow ?? 0);
  const error: unknown = await life(world, isDeaf ? AbortSignal.timeout(3_000) : undefined).then(
    () => null,
    (reason) => reason,
  );
  shortage.giveBack();
  // A pod whose removal failed is there still, in the hands of this process.
  await world.runtime.deletePod('p', { force: true }).catch(() => {});
  await world.runtime.gc();
  const opened = (): readonly string[] =>
    // The root is what Node itself keeps for the moment when there is nothing else.
    openDescriptors().filter((target) => target !== '/' && !before.includes(target));
  for (let turn = 0; turn < 100 && opened().length > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const isOurs = isVirtcontainersError(error);
  return {
    free,
    failure:
      error === null
        ? null
        : {
            code: isOurs ? error.code : 'not ours',
            message: reasonOf(error),
            path: isOurs ? String(error.details['path'] ?? '') : '',
          },
    left: world.left(),
    open: opened(),
  };
}

async function main([kind = '', directory = '', most = '0']: readonly string[]): Promise<void> {
  if (kind !== 'descriptors')
    mount('-t', 'tmpfs', '-o', 'size=1m,nr_inodes=200', 'tmpfs', directory);
  const shortages: Readonly<Record<string, Shortage>> = {
    space: noSpace(directory),
    inodes: noInodes(directory),
    descriptors: noDescriptors(),
    'read-only': readOnly(directory),
  };
  const shortage = shortages[kind];
  if (shortage === undefined) throw new Error(`there is no shortage of ${kind}`);
  const world = new DiskWorld({ directory, cgroups: false });
  // The parts of the program must be there before there is no room for them.
  await life(world);
  fs.rmSync(world.runRoot, { recursive: true });
  const attempts: Attempt[] = [];
  for (let free = 0; free <= Number(most); free++)
    attempts.push(await attempt(world, shortage, free));
  process.stdout.write(JSON.stringify(attempts));
}

await main(process.argv.slice(2));
