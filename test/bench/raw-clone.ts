// The floor of a clone: a bare VM that waits is saved once, then QEMU starts from that and the guest answers a byte.
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { waitFor } from '../../src/base/deadline.js';
import { vmDirectory } from '../../src/host/hypervisor/qemu/command-line.js';
import { makeMemoryFile, memoryEnvironment } from '../../src/host/hypervisor/qemu/memory-file.js';
import { loadState, saveState } from '../../src/host/hypervisor/qemu/vm-state.js';
import type { Ground } from './ground.js';
import { planRawVm, type RawVm, untilFloor, withBareQemu } from './raw-vm.js';

/** A VM of the floor's own template. */
export interface RawClone extends RawVm {
  readonly state: string;
}

/** As often as a pod's template runs a container before it is saved. */
const warmAnswers = 8;

/** Boots a raw VM, has it answer, and saves it. @param initrd that of the floor */
export async function makeRawTemplate(ground: Ground, initrd: string): Promise<RawClone> {
  const directory = path.join(ground.scratch, 'raw-template');
  mkdirSync(directory, { mode: 0o700 });
  const [memory, state] = [path.join(directory, 'memory'), path.join(directory, 'state')];
  const vm = await planRawVm(ground, { initrd, origin: { kind: 'template', memory } });
  await makeMemoryFile(memory, vm.plan.bootMemoryMiB);
  await withBareQemu(ground, vm, async ({ qmp, dial }) => {
    const printed = untilFloor(ground, await dial('console'));
    const channel = await dial('agent');
    await qmp.execute('cont');
    await printed;
    for (let time = 0; time < warmAnswers; time++) await answer(ground, channel);
    await qmp.execute('stop');
    const options = { what: 'cannot save the raw guest', signal: ground.signal };
    await saveState(qmp, vmDirectory(vm.plan), state, options);
  });
  const clone = await planRawVm(ground, { origin: { kind: 'clone', template: { memory, state } } });
  return { ...clone, state };
}

/** From QEMU's start to the guest's answer, in milliseconds. */
export async function cloneRaw(ground: Ground, vm: RawClone): Promise<number> {
  const state = openSync(vm.state, 'r');
  try {
    return await withBareQemu(
      ground,
      vm,
      async ({ begin, qmp, dial }) => {
        const channel = await dial('agent');
        await loadState(qmp, { what: 'cannot clone the raw guest', signal: ground.signal });
        await Promise.all([qmp.execute('cont'), answer(ground, channel)]);
        return performance.now() - begin;
      },
      {
        stdio: ['ignore', 'ignore', 'ignore', state],
        // A guest that gives pages back must not make holes in what the next clone starts from.
        env: { ...process.env, ...memoryEnvironment(vm.plan) },
      },
    );
  } finally {
    closeSync(state);
  }
}

/** The guest says what it hears. */
async function answer(ground: Ground, channel: Socket): Promise<void> {
  const answered = once(channel, 'data', { signal: ground.signal });
  channel.write('x');
  const what = 'cannot hear the raw guest';
  await waitFor(answered, { what, timeoutMs: 30_000, signal: ground.signal });
}
