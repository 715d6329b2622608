// Errors as plain data, so that another process throws what this one would have: code, message, hint and details.

import { isObject } from './check-json.js';
import {
  type ErrorCode,
  errorCodes,
  isVirtcontainersError,
  reasonOf,
  VirtcontainersError,
} from './errors.js';

/** An error as JSON can say it. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  /** What of them is plain data. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** How deep details are followed: beyond it something refers to itself. */
const maxDepth = 8;

/** What another process can be told of anything that was thrown; its cause and its stack stay here. */
export function toPlainError(error: unknown): PlainError {
  if (!isVirtcontainersError(error)) {
    return { code: 'internal', message: reasonOf(error), hint: null, details: {} };
  }
  const { code, message, hint = null } = error;
  const details = toPlain(error.details, 0);
  return { code, message, hint, details: isObject(details) ? details : {} };
}

/** The error that another process has told of. What it says wrongly is taken as far as it can be. */
export function fromPlainError(plain: unknown): VirtcontainersError {
  const told = isObject(plain) ? plain : {};
  const { code, message, hint, details } = told;
  const known = errorCodes.find((candidate) => candidate === code) ?? 'internal';
  const text = typeof message === 'string' ? message : 'another process told of an unknown error';
  return new VirtcontainersError(known, text, {
    ...(typeof hint === 'string' ? { hint } : {}),
    details: isObject(details) ? details : {},
  });
}

/** Undefined is what JSON has no form for: functions, errors, buffers. */
function toPlain(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (depth >= maxDepth || typeof value !== 'object') return undefined;
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const plain = toPlain(item, depth + 1);
      return plain === undefined ? [] : [plain];
    });
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const plain = toPlain(item, depth + 1);
    return plain === undefined ? [] : [[key, plain]];
  });
  return Object.fromEntries(entries);
}
