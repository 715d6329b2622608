// Random numbers that can be had again: a test that fails by them prints its seed.
import { randomInt } from 'node:crypto';

/** The seed of this run: `$VIRTC_CHAOS_SEED` where it is given. */
export function chaosSeed(): number {
  const given = process.env['VIRTC_CHAOS_SEED'];
  return given === undefined ? randomInt(2 ** 31) : Number(given);
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
