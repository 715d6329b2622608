// Options of a pod, of a runtime and of single calls to complete values.
import { VirtcontainersError } from '../../base/errors.js';
import type { TerminalSize } from '../container-config.js';
import { type Defaults, defaults } from '../defaults.js';
import { signalNumber } from '../exit-status.js';
import { guestOverheadMiB, maxVmCpus, maxVmMemoryMiB } from '../limits.js';
import type { PodConfig } from '../pod-config.js';
import { idOf } from './container-options.js';
import { type Parts, parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';
import { showValue } from './show-value.js';

const MiB = 1024 * 1024;

/** How much memory a VM can be asked to have at least. */
export const vmMemoryRule = `must be from ${guestOverheadMiB} MiB (what the guest itself needs) to ${maxVmMemoryMiB} MiB`;

let schemas: ReturnType<typeof allSchemas> | undefined;

/**
 * A pod's complete configuration.
 * @throws VirtcontainersError `invalid-argument`
 */
export async function parsePodOptions(
  options: unknown,
  otherwise: Pick<Defaults, 'cpus' | 'memoryMiB'> = defaults,
): Promise<PodConfig> {
  const id = idOf('pod', options);
  const parsed = check(`cannot create pod ${id}`, (await load()).pod, options);
  return {
    id,
    hostname: parsed.hostname ?? id.slice(0, 64),
    cpus: parsed.cpus ?? otherwise.cpus,
    memoryMiB:
      parsed.memoryMiB === undefined ? otherwise.memoryMiB : Math.ceil(parsed.memoryMiB / MiB),
    labels: parsed.labels ?? {},
  };
}

/** What `stop` was asked: the grace in milliseconds. @throws VirtcontainersError `invalid-argument` */
export async function parseStopOptions(
  what: string,
  options: unknown,
  otherwise: Pick<Defaults, 'stopGraceMs'> = defaults,
): Promise<{ graceMs: number }> {
  const parsed = check(what, (await load()).stop, options ?? {});
  return { graceMs: parsed.graceMs ?? otherwise.stopGraceMs };
}

/** What `delete` was asked. @throws VirtcontainersError `invalid-argument` */
export async function parseDeleteOptions(
  what: string,
  options: unknown,
): Promise<{ force: boolean }> {
  const parsed = check(what, (await load()).delete, options ?? {});
  return { force: parsed.force ?? false };
}

/** Checks the options of a call that takes only a signal. @throws VirtcontainersError `invalid-argument` */
export async function checkAbortOptions(what: string, options: unknown): Promise<void> {
  if (options !== undefined) check(what, (await load()).abort, options);
}

/** Checks a terminal's size. @throws VirtcontainersError `invalid-argument` */
export async function parseTerminalSize(what: string, size: unknown): Promise<TerminalSize> {
  return check(what, (await load()).terminalSize, size);
}

/** The number of a signal. @throws VirtcontainersError `invalid-argument` */
export function parseSignal(what: string, signal: unknown): number {
  const number =
    typeof signal === 'string' || typeof signal === 'number' ? signalNumber(signal) : undefined;
  if (number !== undefined) return number;
  throw new VirtcontainersError(
    'invalid-argument',
    `${what}: the signal must be a name such as 'SIGTERM' or a number from 1 to 64, not ${showValue(signal)}`,
  );
}

async function load() {
  schemas ??= allSchemas(await loadZod());
  return schemas;
}

function allSchemas(z: Z) {
  const p = parts(z);
  const signal = p.abortSignal.optional();
  return {
    pod: podSchema(z, p),
    stop: strict(z, 'stop', { signal, graceMs: p.durationMs.optional() }),
    delete: strict(z, 'delete', { signal, force: p.boolean.optional() }),
    abort: strict(z, 'this call', { signal }),
    terminalSize: strict(z, "a terminal's size", {
      columns: p.integer(1, 65_535),
      rows: p.integer(1, 65_535),
    }),
  };
}

function podSchema(z: Z, p: Parts) {
  return strict(z, 'a pod', {
    id: z.unknown().optional(),
    signal: p.abortSignal.optional(),
    onProgress: p.callback.optional(),
    hostname: p.hostname.optional(),
    cpus: p.integer(1, maxVmCpus).optional(),
    memoryMiB: p.size(MiB, guestOverheadMiB * MiB, maxVmMemoryMiB * MiB, vmMemoryRule).optional(),
    labels: p.labels.optional(),
    // Not part of a pod's configuration: whoever makes the pod reads them once they are checked here.
    template: p.boolean.optional(),
    detached: p.boolean.optional(),
  });
}
