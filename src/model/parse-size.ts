// Sizes as programs write them: a number in the option's unit, or text such as `512MiB`.

const factors: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
};

/** What a size looks like, for messages. */
export const sizeRule =
  "must be a positive number or text such as '512MiB' (B, KiB, MiB, GiB, KB, MB, GB)";

/**
 * The size in bytes, rounded up to a whole one; undefined if it is none.
 * @param unitBytes what a bare number counts, for example 1048576 for an option in MiB
 */
export function parseSize(value: unknown, unitBytes: number): number | undefined {
  if (typeof value === 'number') return whole(value * unitBytes);
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,9})?)(B|[KMG]i?B)$/.exec(value);
  const factor = factors[match?.[2] ?? ''];
  return factor === undefined ? undefined : whole(Number(match?.[1]) * factor);
}

function whole(bytes: number): number | undefined {
  const up = Math.ceil(bytes);
  return Number.isSafeInteger(up) && up > 0 ? up : undefined;
}
