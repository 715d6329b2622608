// Reads what the host sends: checked names, JSON, sizes and offsets.
import { VirtcontainersError } from '../base/errors.js';
import {
  OutputStream,
  type RootFilesystem,
  type TerminalSize as TerminalSizeMessage,
} from '../wire/gen/agent_pb.js';
import type { TerminalSize } from './doors.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** An id that is safe as a file name. */
export function checkId(kind: 'container' | 'process', id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(id)) return id;
  const shown = JSON.stringify(id.slice(0, 160));
  const rule = 'it must have 1 to 128 letters, digits, _ . -, the first a letter or digit';
  throw new VirtcontainersError('invalid-argument', `cannot use ${kind} id ${shown}: ${rule}`);
}

/** The object that JSON bytes hold. */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    const message = `cannot read the ${what}: it is not JSON in UTF-8`;
    throw new VirtcontainersError('invalid-argument', message, { cause });
  }
  if (isObject(value)) return value;
  throw new VirtcontainersError('invalid-argument', `cannot read the ${what}: it is not an object`);
}

/** Whether a JSON value is an object and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The root file system of a request, which must have a kind that this agent knows. */
export function checkRoot(root: RootFilesystem | undefined): RootFilesystem {
  if (root?.kind.case === 'directory' && root.kind.value.source?.share !== undefined) return root;
  const message = 'cannot create container: its root file system has no kind that is known';
  throw new VirtcontainersError('unsupported', message);
}

/** A terminal's size as the kernel can hold it. */
export function toTerminalSize(size: TerminalSizeMessage | undefined): TerminalSize | null {
  if (size === undefined) return null;
  return { columns: Math.min(size.columns, 0xffff), rows: Math.min(size.rows, 0xffff) };
}

/** An offset as a number, which is exact far beyond what any stream carries. */
export function toOffset(offset: bigint): number {
  if (offset <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(offset);
  throw new VirtcontainersError('invalid-argument', `cannot use offset ${offset}: too large`, {
    details: { reason: 'offset-out-of-range' },
  });
}

/** A signal's number. */
export function checkSignal(signal: number): number {
  if (signal >= 1 && signal <= 64) return signal;
  throw new VirtcontainersError('invalid-argument', `cannot send signal ${signal}: no such signal`);
}

/** Which of a process's outputs is meant. */
export function toStreamName(stream: OutputStream): 'stdout' | 'stderr' {
  if (stream === OutputStream.STDOUT) return 'stdout';
  if (stream === OutputStream.STDERR) return 'stderr';
  throw new VirtcontainersError('invalid-argument', `cannot read output ${stream}: no such stream`);
}
