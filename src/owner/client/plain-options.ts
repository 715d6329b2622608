// Options of the library as an owner gets them: JSON, with the host's paths absolute and without the signal, which stays here.
import path from 'node:path';
import type { AbortOptions } from '../../model/options.js';

/** A client's options on their way to an owner. */
export interface SentOptions {
  readonly json: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Splits options into what is sent and what stays. The owner checks what is sent; what JSON cannot say is checked here.
 * @param check what the library itself would check them with; loaded only where it is needed
 * @throws VirtcontainersError `invalid-argument`
 */
export async function toSentOptions(
  options: unknown,
  check: (options: unknown) => Promise<unknown>,
): Promise<SentOptions> {
  if (options === undefined) return { json: '', signal: undefined };
  if (!isTable(options)) {
    await check(options);
    return { json: JSON.stringify(options), signal: undefined };
  }
  const { signal, ...rest } = options;
  if (!isSignal(signal) || !isPlain(rest, 0)) await check(options);
  return { json: JSON.stringify(rest), signal: signal as AbortSignal | undefined };
}

/**
 * The signal of options that have nothing else.
 * @param check what the library itself would check them with; loaded only where it is needed
 * @throws VirtcontainersError `invalid-argument`
 */
export async function signalOf(
  options: AbortOptions | undefined,
  check: (options: unknown) => Promise<unknown>,
): Promise<AbortSignal | undefined> {
  if (options === undefined) return undefined;
  const names = isTable(options) ? Object.keys(options) : [''];
  const isBare = names.every((name) => name === 'signal');
  if (!isBare || !isSignal(options.signal)) await check(options);
  return options.signal;
}

/** Whether a command is a list of texts. */
export function isCommand(command: unknown): boolean {
  return Array.isArray(command) && command.every((part) => typeof part === 'string');
}

/** Options of a container whose paths are those of this process. */
export function withAbsolutePaths(options: unknown): unknown {
  if (!isTable(options)) return options;
  const { rootfs, mounts } = options;
  return {
    ...options,
    ...(typeof rootfs === 'string' ? { rootfs: absolute(rootfs) } : {}),
    ...(isTable(rootfs) ? { rootfs: { ...rootfs, path: absolute(rootfs['path']) } } : {}),
    ...(Array.isArray(mounts) ? { mounts: mounts.map(withAbsoluteSource) } : {}),
  };
}

function withAbsoluteSource(mount: unknown): unknown {
  if (!isTable(mount) || mount['kind'] !== 'bind') return mount;
  return { ...mount, source: absolute(mount['source']) };
}

// What is no path is refused by whoever checks it.
function absolute(value: unknown): unknown {
  return typeof value === 'string' && value !== '' ? path.resolve(value) : value;
}

function isSignal(value: unknown): boolean {
  return value === undefined || value instanceof AbortSignal;
}

const maxDepth = 8;

/** Whether JSON says all of it. An option that is undefined is none. */
function isPlain(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (depth >= maxDepth || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((item) => item === undefined || isPlain(item, depth + 1));
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
