// How long a pod takes to come that is a clone: beside a bare VM's clone, in turns with it; and what its template costs.
import type { Bench } from './bench.js';
import { medianParts, type Part, type Row } from './figures.js';
import { runVirtc, startPod } from './first-byte.js';
import { type Ground, repeat } from './ground.js';
import { cloneRaw, makeRawTemplate } from './raw-clone.js';
import { makeFloorInitrd } from './raw-vm.js';
import { startTogether } from './together.js';

export const templateBench: Bench = {
  rows: ['template: build', 'template: size on disk'],
  async run(ground) {
    const parts: Part[] = [];
    const begin = performance.now();
    const { sizeBytes } = await ground.runtime.templates.build({
      rebuild: true,
      signal: ground.signal,
      onProgress: ({ step, durationMs }) => {
        if (durationMs !== undefined) parts.push({ name: step, value: durationMs });
      },
    });
    const tookMs = performance.now() - begin;
    const known = parts.reduce((sum, { value }) => sum + value, 0);
    const [build = '', size = ''] = this.rows;
    return [
      {
        name: build,
        unit: 'ms',
        samples: [tookMs],
        note: '`templates.build`: boot, eight containers one after the other, a second of rest, and all of it on disk',
        parts: [...parts, { name: 'between and on disk', value: tookMs - known }],
      },
      {
        name: size,
        unit: 'MiB',
        samples: [sizeBytes / 1024 / 1024],
        note: 'without the holes in the 512 MiB of memory',
      },
    ];
  },
};

export const cloneBench: Bench = {
  rows: [
    'floor: raw clone',
    'clone: createPod and container to first byte',
    'clone: whole virtc run to first byte',
  ],
  async run(ground) {
    const raw = await makeRawTemplate(ground, await makeFloorInitrd(ground));
    await makeSureOfTemplate(ground);
    // The first of all reads both templates' files, and makes what later ones find.
    await cloneRaw(ground, raw);
    await startPod(ground);
    const rounds = await repeat({ times: 15, maxMs: 45_000 }, async () => ({
      raw: await cloneRaw(ground, raw),
      pod: await startPod(ground),
      virtc: await runVirtc(ground),
    }));
    const [floor = '', pod = '', program = ''] = this.rows;
    const rows: readonly Row[] = [
      {
        name: floor,
        unit: 'ms',
        samples: rounds.map((round) => round.raw),
        note: "QEMU with a clone's arguments outside a jail, from a template of the floor's own: a static first program answers a byte",
      },
      {
        name: pod,
        unit: 'ms',
        samples: rounds.map((round) => round.pod.startMs),
        note: 'warm process and page cache, a template that is there; `sh -c "echo x; …"` in Debian, writes discarded',
        parts: medianParts(rounds.map((round) => round.pod.parts)),
      },
      {
        name: program,
        unit: 'ms',
        samples: rounds.map((round) => round.virtc),
        note: '`virtc run --rootfs DIR -- echo x`, from the start of its process',
      },
    ];
    return rows;
  },
};

const counts = [5, 10, 20];

export const togetherBench: Bench = {
  rows: counts.map((count) => `clones at once: ${count} pods, all have printed`),
  async run(ground) {
    await makeSureOfTemplate(ground);
    await startPod(ground);
    const rows: Row[] = [];
    for (const [index, count] of counts.entries()) {
      const bounds = { times: 3, maxMs: 25_000 };
      rows.push({
        name: this.rows[index] ?? '',
        unit: 'ms',
        samples: await repeat(bounds, () => startTogether(ground, count)),
        note: "one process makes all of them at once, each with a container, to the last one's first byte",
      });
    }
    return rows;
  },
};

/** Rows that are chosen alone must not measure how a template is made. */
export async function makeSureOfTemplate({ runtime, signal }: Ground): Promise<void> {
  await runtime.templates.build({ signal });
}
