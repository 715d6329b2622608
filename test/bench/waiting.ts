// What a clone that waits to be handed out gives, and what it costs while it waits.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sleep } from '../../src/base/deadline.js';
import { qemuBelow } from '../e2e/host-process.js';
import type { Bench } from './bench.js';
import { makeSureOfTemplate } from './clone.js';
import { medianParts } from './figures.js';
import { startPod } from './first-byte.js';
import { type Ground, repeat } from './ground.js';
import { memoryOf, settleMs } from './memory.js';

/** Longest that a pod may take until it waits, in milliseconds. */
const untilWaitingMs = 60_000;
/** A guest that has nothing to do uses less than this of a processor. */
const idleShare = 0.05;

export const waitingBench: Bench = {
  rows: ['waiting clone: createPod and container to first byte', 'memory of one waiting clone'],
  async run(ground) {
    await makeSureOfTemplate(ground);
    const runtime = ground.openRuntime({ warm: 1 });
    try {
      await untilOneWaits(ground);
      await sleep(settleMs, ground.signal);
      const memory = memoryOf(process.pid).filter(({ name }) => name !== 'owner');
      const rounds = await repeat({ times: 7, maxMs: 45_000 }, async () => {
        await untilOneWaits(ground);
        const started = await startPod(ground, { runtime });
        if (started.parts.some(({ name }) => name === 'vm-spawn'))
          throw new Error('no pod was waiting');
        return started;
      });
      const [name = '', cost = ''] = this.rows;
      return [
        {
          name,
          unit: 'ms',
          samples: rounds.map(({ startMs }) => startMs),
          note: '`createRuntime({ warm: 1 })`, one pod taken at a time, when the next one waits',
          parts: medianParts(rounds.map(({ parts }) => parts)),
        },
        {
          name: cost,
          unit: 'MiB',
          samples: [memory.reduce((sum, { value }) => sum + value, 0)],
          note: `PSS of its processes, the only ones of its template, after ${settleMs / 1000} s; without the program that owns it`,
          parts: memory,
        },
      ];
    } finally {
      await runtime.close();
    }
  },
};

/** A pod waits where its record says so and its guest, which was warmed up, has come to rest. */
async function untilOneWaits(ground: Ground): Promise<void> {
  const deadline = performance.now() + untilWaitingMs;
  while (performance.now() < deadline) {
    if (hasWaiting(ground.runRoot) && (await isIdle(ground.signal))) return;
    await sleep(200, ground.signal);
  }
  throw new Error(`no pod was waiting within ${untilWaitingMs} ms`);
}

function hasWaiting(runRoot: string): boolean {
  const pods = path.join(runRoot, 'pods');
  // The first pod of a run root makes it.
  if (!existsSync(pods)) return false;
  return readdirSync(pods).some((id) => {
    // What it was warmed up with is there from then on.
    if (!existsSync(path.join(pods, id, 'warm-root'))) return false;
    const record = JSON.parse(readFileSync(path.join(pods, id, 'record.json'), 'utf8')) as {
      waiting?: boolean;
    };
    return record.waiting === true;
  });
}

async function isIdle(signal: AbortSignal): Promise<boolean> {
  const pid = qemuBelow(process.pid);
  const [before, begin] = [processorMs(pid), performance.now()];
  await sleep(1000, signal);
  return processorMs(pid) - before < idleShare * (performance.now() - begin);
}

/** proc(5), stat: user and system time, in hundredths of a second. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
