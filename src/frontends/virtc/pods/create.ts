// `virtc pod create`: makes a VM that containers are put into, and prints its name.
import { hasLeftovers, VirtcontainersError } from '../../../base/errors.js';
import { newId, validateId } from '../../../model/id.js';
import type { PodOptions } from '../../../model/options.js';
import type { VerbContext } from '../containers/context.js';
import { badFlag } from '../flag-values.js';
import { Interrupts, type SignalSource } from '../run/interrupts.js';
import { toLabels } from '../run/labels.js';
import { toMemory } from '../run/sizes.js';
import type { CommonFlags } from '../settings.js';

export interface CreatePodFlags extends CommonFlags {
  readonly name?: string;
  readonly hostname?: string;
  readonly label?: readonly string[];
  readonly cpus?: string;
  readonly memory?: string;
}

export interface CreatePodContext extends VerbContext {
  readonly signals: SignalSource;
}

/** Resolves with the exit code; a signal ends the making, and nothing is left of it. */
export async function createPod(
  name: string | undefined,
  flags: CreatePodFlags,
  { runtime, streams, signals }: CreatePodContext,
): Promise<number> {
  const options = toPodOptions(name, flags);
  const interrupts = new Interrupts(signals);
  const { signal } = interrupts;
  try {
    const { id } = await runtime.createPod({ ...options, detached: true, signal });
    streams.stdout.write(`${id}\n`);
    return 0;
  } catch (error) {
    if (interrupts.exitCode !== undefined && !hasLeftovers(error)) return interrupts.exitCode;
    throw error;
  } finally {
    interrupts.dispose();
  }
}

/** @throws VirtcontainersError `invalid-argument` */
function toPodOptions(name: string | undefined, flags: CreatePodFlags): PodOptions {
  const { hostname, label = [], cpus, memory, template } = flags;
  if (name !== undefined && flags.name !== undefined && name !== flags.name) {
    throw new VirtcontainersError('invalid-argument', 'cannot create pod: it has two names', {
      hint: 'give it once: as --name, or alone',
    });
  }
  const id = name ?? flags.name;
  return {
    id: id === undefined ? newId() : validateId('pod', id),
    ...(hostname === undefined ? {} : { hostname }),
    ...(label.length === 0 ? {} : { labels: toLabels(label) }),
    ...(cpus === undefined ? {} : { cpus: toCount(cpus) }),
    ...(memory === undefined ? {} : { memoryMiB: toMemory(memory) }),
    ...(template === undefined ? {} : { template }),
  };
}

function toCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw badFlag('--cpus', text, 'it must be a whole number above 0');
}
