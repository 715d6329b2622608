// Options of a runtime, checked without waiting: making a runtime is synchronous and must stay cheap.
import { VirtcontainersError } from '../../base/errors.js';
import { maxWarmPods } from '../limits.js';
import type { RuntimeOptions } from '../options.js';
import { nearest } from './nearest.js';
import { showValue } from './show-value.js';

const isPath = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

const rules: Readonly<
  Record<keyof RuntimeOptions, readonly [rule: string, accept: (value: unknown) => boolean]>
> = {
  runRoot: ['must be a path without NUL', isPath],
  libRoot: ['must be a path without NUL', isPath],
  guestImage: ['must be a path without NUL', isPath],
  configFile: ['must be a path without NUL, or empty', (value) => value === '' || isPath(value)],
  accelerator: [
    "must be 'auto', 'kvm' or 'tcg'",
    (value) => value === 'auto' || value === 'kvm' || value === 'tcg',
  ],
  template: ['must be true or false', (value) => typeof value === 'boolean'],
  warm: [`must be a whole number from 0 to ${maxWarmPods}`, isWarm],
  logger: ['must have the methods debug, info, warn, error and child', isLogger],
  onProgress: ['must be a function', isFunction],
  onWarning: ['must be a function', isFunction],
};

/**
 * Refuses unknown and malformed options.
 * @throws VirtcontainersError `invalid-argument`
 */
export function checkRuntimeOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new VirtcontainersError(
      'invalid-argument',
      `cannot create runtime: the options must be an object, not ${showValue(options)}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof RuntimeOptions] : undefined;
    if (rule === undefined) {
      const meant = nearest(name, Object.keys(rules));
      const suggestion = meant === undefined ? '' : `: did you mean \`${meant}\`?`;
      const shown = showValue(name).slice(1, -1);
      throw refused(name, `unknown option \`${shown}\` for a runtime${suggestion}`);
    }
    if (value !== undefined && !rule[1](value)) {
      throw refused(name, `option \`${name}\` ${rule[0]}, not ${showValue(value)}`);
    }
  }
}

function refused(option: string, reason: string): VirtcontainersError {
  return new VirtcontainersError('invalid-argument', `cannot create runtime: ${reason}`, {
    details: { option },
  });
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function isWarm(value: unknown): boolean {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= maxWarmPods
  );
}

function isLogger(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['debug', 'info', 'warn', 'error', 'child'].every(
      (method) => typeof (value as Record<string, unknown>)[method] === 'function',
    )
  );
}
