// What `--ulimit NAME=SOFT[:HARD]` means: docker's.
import { rlimitTypes } from '../../../model/capabilities.js';
import type { ContainerOptions } from '../../../model/options.js';
import { badFlag, didYouMean } from '../flag-values.js';

type Rlimit = NonNullable<ContainerOptions['rlimits']>[number];

/** docker's names: all of setrlimit's but `as`. */
export const ulimitNames: readonly string[] = rlimitTypes
  .map((type) => type.slice('RLIMIT_'.length).toLowerCase())
  .filter((name) => name !== 'as');

/** Limits, of those of the same name the last one. @throws VirtcontainersError `invalid-argument` */
export function toRlimits(texts: readonly string[]): readonly Rlimit[] {
  return [...new Map(texts.map(toRlimit).map((limit) => [limit.type, limit])).values()];
}

function toRlimit(text: string): Rlimit {
  const refuse = (rule: string, options = {}) => badFlag('--ulimit', text, rule, options);
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!ulimitNames.includes(name)) {
    const rule = `it must begin with the name of a limit, not ${JSON.stringify(name)}`;
    throw refuse(rule, didYouMean(name, ulimitNames, `one of ${ulimitNames.join(', ')}`));
  }
  const form = { hint: `write for example --ulimit ${name}=1024:2048; -1 means without a limit` };
  if (equals < 0) throw refuse('it has no number behind the name', form);
  const parts = text.slice(equals + 1).split(':');
  if (parts.length > 2) throw refuse('it must have at most two numbers, SOFT and HARD', form);
  const [soft = -2, hard = soft] = parts.map(toNumber);
  if (soft < -1 || hard < -1) {
    const rule = `a limit must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or -1`;
    throw refuse(rule, form);
  }
  if (toOrder(soft) > toOrder(hard)) {
    throw refuse('the soft limit must not be above the hard limit', form);
  }
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: toLimit(soft), hard: toLimit(hard) };
}

/** A whole number; -2 where it is none. */
function toNumber(text: string): number {
  const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : -2;
  // Not -0, which is another number to some.
  return Number.isSafeInteger(value) ? value + 0 : -2;
}

const toOrder = (value: number): number => (value === -1 ? Number.POSITIVE_INFINITY : value);
const toLimit = (value: number): number | 'unlimited' => (value === -1 ? 'unlimited' : value);
