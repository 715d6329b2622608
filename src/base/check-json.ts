// Checks that what was read as JSON is what was written, field by field, and nothing else; without a library, whose first use takes milliseconds.

/** Throws an Error that says where and why, unless `value` is a `T`. The type keeps each check complete. */
export type Check<T> = ((value: unknown, where: string) => void) & { readonly type?: T };
/** A check for each field of a `T`. */
type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> };

/** What a check throws. */
function fail(where: string, expected: string): never {
  throw new Error(`${where} is not ${expected}`);
}

/** Any text. */
export const text: Check<string> = (value, where) => {
  if (typeof value !== 'string') fail(where, 'text');
};

/** Any finite number. */
export const number: Check<number> = (value, where) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) fail(where, 'a number');
};

/** A whole number that is not negative. */
export const count: Check<number> = (value, where) => {
  if (!Number.isSafeInteger(value) || Number(value) < 0) fail(where, 'a whole number');
};

/** True or false. */
export const flag: Check<boolean> = (value, where) => {
  if (typeof value !== 'boolean') fail(where, 'true or false');
};

/** Text that looks so. @param expected completes `it is not …` */
export function matching(pattern: RegExp, expected: string): Check<string> {
  return (value, where) => {
    if (typeof value !== 'string' || !pattern.test(value)) fail(where, expected);
  };
}

/** Exactly one of these. */
export function oneOf<const T extends string | number>(...values: readonly T[]): Check<T> {
  return (value, where) => {
    if (!(values as readonly unknown[]).includes(value)) fail(where, values.join(' or '));
  };
}

/** What the check allows, or null. */
export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, where) => {
    if (value !== null) check(value, where);
  };
}

/** A list of what the check allows. */
export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) return fail(where, 'a list');
    for (const [index, item] of value.entries()) check(item, `${where}[${index}]`);
  };
}

/** Whether it is an object, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object whose values are all text. */
export const texts: Check<Readonly<Record<string, string>>> = (value, where) => {
  if (!isObject(value)) return fail(where, 'an object');
  for (const [key, item] of Object.entries(value)) text(item, `${where}.${key}`);
};

/** Exactly these fields. */
export function object<T extends object>(fields: Fields<T>): Check<T> {
  return (value, where) => {
    if (!isObject(value)) return fail(where, 'an object');
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(fields, key)) throw new Error(`${where}.${key} is not known`);
    }
    for (const [key, check] of Object.entries<Check<unknown>>(fields)) {
      if (!Object.hasOwn(value, key)) throw new Error(`${where}.${key} is missing`);
      check(value[key], `${where}.${key}`);
    }
  };
}

/** One of several kinds of object, told apart by `kind`. */
export function union<T extends { readonly kind: string }>(
  kinds: {
    readonly [K in T['kind']]: Check<Extract<T, { readonly kind: K }>>;
  },
): Check<T> {
  return (value, where) => {
    if (!isObject(value)) return fail(where, 'an object');
    const kind = String(value['kind']);
    if (!Object.hasOwn(kinds, kind)) fail(`${where}.kind`, Object.keys(kinds).join(' or '));
    kinds[kind as T['kind']](value, where);
  };
}
