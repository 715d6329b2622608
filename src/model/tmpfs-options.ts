// The mount options that a tmpfs takes, and which of two that contradict each other holds.

/** Switches and what they undo, as mount(8) has them; `remount` and `bind` make no tmpfs. */
const pairs: readonly (readonly [string, string])[] = [
  ['ro', 'rw'],
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
  ['noexec', 'exec'],
  ['sync', 'async'],
  ['mand', 'nomand'],
  ['noatime', 'atime'],
  ['nodiratime', 'diratime'],
  ['relatime', 'norelatime'],
  ['strictatime', 'nostrictatime'],
];
const propagations = ['private', 'shared', 'slave', 'unbindable'].flatMap((one) => [
  one,
  `r${one}`,
]);

/** What each `name=value` must look like; the kernel would refuse the rest only when the container starts. */
const values: Readonly<Record<string, readonly [rule: string, pattern: RegExp]>> = {
  size: ['a number of bytes, with k, m, g or % behind it if need be', /^\d{1,15}[kmgt%]?$/i],
  mode: ['an octal number such as 1777', /^[0-7]{1,5}$/],
  uid: ['a number', /^\d{1,10}$/],
  gid: ['a number', /^\d{1,10}$/],
  nr_inodes: ['a number, with k, m or g behind it if need be', /^\d{1,15}[kmg]?$/i],
  nr_blocks: ['a number, with k, m or g behind it if need be', /^\d{1,15}[kmg]?$/i],
  mpol: ['a memory policy such as interleave', /^[a-z]+[a-z0-9=:,-]*$/],
};

/** Every option that can be given, those with a value ending in an equals sign. */
export const tmpfsOptionNames: readonly string[] = [
  ...pairs.flat(),
  ...['dirsync', 'defaults'],
  ...propagations,
  ...Object.keys(values).map((name) => `${name}=`),
];

/** What is wrong with an option, as the end of a sentence; null where nothing is. */
export function tmpfsOptionFault(option: string): string | null {
  const equals = option.indexOf('=');
  if (equals < 0) {
    return tmpfsOptionNames.includes(option) ? null : 'is no option of a tmpfs';
  }
  const name = option.slice(0, equals);
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) return 'is no option of a tmpfs';
  const [rule, pattern] = value;
  return pattern.test(option.slice(equals + 1)) ? null : `must have as its value ${rule}`;
}

/** Of options that contradict or repeat each other only the last one. */
export function mergeTmpfsOptions(options: readonly string[]): readonly string[] {
  const kept = new Map<string, string>();
  for (const option of options) {
    if (option === 'defaults') continue;
    const key = subjectOf(option);
    kept.delete(key);
    kept.set(key, option);
  }
  return [...kept.values()];
}

function subjectOf(option: string): string {
  if (propagations.includes(option)) return 'propagation';
  const pair = pairs.find((both) => both.includes(option));
  return pair === undefined ? option.replace(/=.*/s, '=') : pair[0];
}
