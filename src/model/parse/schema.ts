// Strict option schemas over zod: unknown options refused by name, messages that say option, rule and value.
import type { core, z as Zod, ZodType } from 'zod';
import { VirtcontainersError } from '../../base/errors.js';
import { nearest } from './nearest.js';
import { kindOf, showValue } from './show-value.js';

export type Z = typeof Zod;

/** What a schema's checked options are. */
export type Output<S extends ZodType> = core.output<S>;

let loading: Promise<Z> | undefined;

/** The schema library, loaded at first use: importing this library must stay cheap. */
export function loadZod(): Promise<Z> {
  loading ??= import('zod').then((module) => module.z);
  return loading;
}

/** An object that has no options but these; `noun` names it in messages: `a pod`. */
export function strict<Shape extends Record<string, ZodType>>(z: Z, noun: string, shape: Shape) {
  const names = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? unknownOption(issue.keys, noun, names)
        : 'must be an object',
  });
}

function unknownOption(keys: readonly string[], noun: string, names: readonly string[]): string {
  const key = keys[0] ?? '';
  const meant = nearest(key, names);
  const name = showValue(key).slice(1, -1);
  const suggestion = meant === undefined ? '' : `: did you mean \`${meant}\`?`;
  return `unknown option \`${name}\` for ${noun}${suggestion}`;
}

/**
 * The checked options.
 * @param what the beginning of the error's message: `cannot create pod web`
 * @throws VirtcontainersError `invalid-argument` naming option, rule and value
 */
export function check<T>(what: string, schema: ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw new VirtcontainersError('internal', `${what}: options refused`);
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const at = pathText(path);
  if (issue.code === 'unrecognized_keys') {
    const where = at === '' ? '' : ` (in \`${at}\`)`;
    throw refused(`${what}: ${issue.message}${where}`, {
      option: optionAt(at, issue.keys[0] ?? ''),
    });
  }
  const rule = `${issue.message}${shownAt(issue, valueAt(input, path))}`;
  if (at === '') throw refused(`${what}: the options ${rule}`, { option: at });
  throw refused(`${what}: option \`${at}\` ${rule}`, { option: at, rule });
}

function optionAt(parent: string, key: string): string {
  const shown = showValue(key).slice(1, -1);
  return parent === '' ? shown : `${parent}.${shown}`;
}

// The values of an environment may be secret: of those only the kind is told.
function shownAt({ path, code }: core.$ZodIssue, value: unknown): string {
  const isFilled = typeof value === 'object' && value !== null && kindOf(value) !== 'an empty list';
  // Its kind is right, and what is wrong in it is what the rule says.
  if (code === 'custom' && path[0] !== 'env' && isFilled) return '';
  if (path[0] !== 'env') return `, not ${showValue(value)}`;
  return path.length > 1 && typeof value === 'string' ? '' : `, not ${kindOf(value)}`;
}

/** @param details `rule`: the sentence's end, for those who name the option otherwise */
function refused(
  message: string,
  details: { readonly option: string; readonly rule?: string },
): VirtcontainersError {
  return new VirtcontainersError('invalid-argument', message, { details });
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      // A variable written whole in the place of its name has its value in there.
      const name = path[0] === 'env' ? part.replace(/=.*/s, '=…') : part;
      const shown = showValue(name).slice(1, -1);
      return index === 0 ? shown : `.${shown}`;
    })
    .join('');
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, part)
      ? (value as Record<string | number, unknown>)[part]
      : undefined;
  }
  return value;
}
