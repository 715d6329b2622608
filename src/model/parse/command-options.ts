// Options of a command's end, of its input and of its collected output, to complete values.
import { signalNumber } from '../exit-status.js';
import {
  defaultKillGraceMs,
  defaultMaxBufferBytes,
  defaultMaxLineBytes,
  largestMaxBufferBytes,
} from '../limits.js';
import type { RunInput } from '../options.js';
import { type Parts, parts } from './parts.js';
import { check, loadZod, strict, type Z } from './schema.js';

/** When a process is ended, and how. */
export interface EndConfig {
  /** Null means never. */
  readonly timeoutMs: number | null;
  /** The number of the signal that asks it to end. */
  readonly killSignal: number;
  /** 0 means SIGKILL at once. */
  readonly killGraceMs: number;
}

/** What goes into a command, and how much of what comes out is kept. */
export interface CollectConfig {
  readonly maxBufferBytes: number;
  /** Null means end of file. */
  readonly input: RunInput | null;
}

/** The options of a process's end. */
export function endShape(p: Parts) {
  return {
    signal: p.abortSignal.optional(),
    timeoutMs: p.durationMs.refine((ms) => ms > 0, { error: timeoutRule }).optional(),
    killSignal: p.signal.optional(),
    killGraceMs: p.durationMs.optional(),
  };
}

// Elsewhere 0 means none, or at once: nobody shall have to guess.
const timeoutRule = 'must be more than 0 (leave it out for no limit)';

/** The options of a command's input and collected output. */
export function collectShape(z: Z, p: Parts) {
  return {
    maxBufferBytes: bufferSize(p),
    input: z.custom<RunInput>(isInput, { error: inputRule }).optional(),
  };
}

const inputRule = 'must be text, bytes, a stream or an async iterable';

export function toEndConfig(parsed: {
  readonly timeoutMs?: number | undefined;
  readonly killSignal?: NodeJS.Signals | undefined;
  readonly killGraceMs?: number | undefined;
}): EndConfig {
  return {
    timeoutMs: parsed.timeoutMs ?? null,
    killSignal: signalNumber(parsed.killSignal ?? 'SIGTERM') ?? 15,
    killGraceMs: parsed.killGraceMs ?? defaultKillGraceMs,
  };
}

export function toCollectConfig(parsed: {
  readonly maxBufferBytes?: number | undefined;
  readonly input?: RunInput | undefined;
}): CollectConfig {
  return {
    maxBufferBytes: parsed.maxBufferBytes ?? defaultMaxBufferBytes,
    input: parsed.input ?? null,
  };
}

let schemas: ReturnType<typeof allSchemas> | undefined;

/** How much `output` keeps, in bytes. @throws VirtcontainersError `invalid-argument` */
export async function parseOutputOptions(
  what: string,
  options: unknown,
): Promise<{ readonly maxBufferBytes: number }> {
  schemas ??= allSchemas(await loadZod());
  return toCollectConfig(check(what, schemas.output, options ?? {}));
}

/** What `lines` reads. @throws VirtcontainersError `invalid-argument` */
export async function parseLinesOptions(
  what: string,
  options: unknown,
): Promise<{ readonly stream: 'stdout' | 'stderr'; readonly maxLineBytes: number }> {
  schemas ??= allSchemas(await loadZod());
  const { stream, maxLineBytes } = check(what, schemas.lines, options ?? {});
  return { stream: stream ?? 'stdout', maxLineBytes: maxLineBytes ?? defaultMaxLineBytes };
}

function allSchemas(z: Z) {
  const p = parts(z);
  return {
    output: strict(z, 'output', {
      signal: p.abortSignal.optional(),
      maxBufferBytes: bufferSize(p),
    }),
    lines: strict(z, 'lines', {
      stream: z.enum(['stdout', 'stderr'], { error: "must be 'stdout' or 'stderr'" }).optional(),
      maxLineBytes: bufferSize(p),
    }),
  };
}

function bufferSize(p: Parts) {
  const bounds = `must be from 1 byte to ${largestMaxBufferBytes / 1024 ** 2} MiB`;
  return p.size(1, 1, largestMaxBufferBytes, bounds).optional();
}

// By shape and not by class, as with signals.
function isInput(value: unknown): boolean {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || ('getReader' in value && 'locked' in value);
}
