// `virtc pod create`: makes a VM that containers are put into, and prints its name.
import { constants } from 'node:os';
import { VirtcontainersError } from '../../../base/errors.js';
import { newId, validateId } from '../../../model/id.js';
import type { PodOptions } from '../../../model/options.js';
import type { VerbContext } from '../containers/context.js';
import { badFlag } from '../flag-values.js';
import { exitCodes } from '../report.js';
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

/** Where signals come from: `process`, or a fake. */
export interface Signals {
  on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
  off(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
}

export interface CreatePodContext extends VerbContext {
  readonly signals: Signals;
}

/** Resolves with the exit code; a signal ends the making, and nothing is left of it. */
export async function createPod(
  name: string | undefined,
  flags: CreatePodFlags,
  { runtime, streams, signals }: CreatePodContext,
): Promise<number> {
  const options = toPodOptions(name, flags);
  const abort = new AbortController();
  let code: number | undefined;
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const listener = (): void => {
      code ??= exitCodes.signalBase + constants.signals[signal];
      abort.abort();
    };
    signals.on(signal, listener);
    return [signal, listener] as const;
  });
  try {
    const { id } = await runtime.createPod({ ...options, detached: true, signal: abort.signal });
    streams.stdout.write(`${id}\n`);
    return 0;
  } catch (error) {
    const isClean = !(error instanceof VirtcontainersError && error.details['failedCleanups']);
    if (code !== undefined && isClean) return code;
    throw error;
  } finally {
    for (const [signal, listener] of listeners) signals.off(signal, listener);
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
