// Tests of which tmpfs options there are and which of two holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeTmpfsOptions, tmpfsOptionFault, tmpfsOptionNames } from './tmpfs-options.js';

const merges: readonly [readonly string[], readonly string[]][] = [
  [[], []],
  [
    ['nosuid', 'nodev', 'mode=1777'],
    ['nosuid', 'nodev', 'mode=1777'],
  ],
  [['noexec', 'exec'], ['exec']],
  [
    ['ro', 'size=1m', 'rw', 'size=50%'],
    ['rw', 'size=50%'],
  ],
  [['rprivate', 'shared'], ['shared']],
  [['noexec', 'defaults'], ['noexec']],
  [
    ['noatime', 'relatime', 'nodiratime'],
    ['noatime', 'relatime', 'nodiratime'],
  ],
];
for (const [given, expected] of merges) {
  test(`of ${given.join() || 'nothing'} holds ${expected.join() || 'nothing'}`, () => {
    assert.deepEqual(mergeTmpfsOptions(given), expected);
  });
}

const right = [
  ...tmpfsOptionNames.filter((name) => !name.endsWith('=')),
  ...[
    'size=64m',
    'size=64M',
    'size=1g',
    'size=4096',
    'size=50%',
    'size=0',
    'mode=1777',
    'mode=755',
  ],
  ...['uid=1000', 'gid=0', 'nr_inodes=10k', 'nr_blocks=7', 'mpol=interleave:0-1'],
];
for (const option of right) {
  test(`${option} is an option of a tmpfs`, () => assert.equal(tmpfsOptionFault(option), null));
}

const wrong: readonly [string, RegExp][] = [
  ['', /no option/],
  ['noexek', /no option/],
  ['remount', /no option/],
  ['bind', /no option/],
  ['size', /no option/],
  ['sise=1', /no option/],
  ['__proto__=1', /no option/],
  ['size=', /must have as its value a number/],
  ['size=64mb', /must have as its value a number/],
  ['size=-1', /must have as its value a number/],
  ['mode=0888', /octal/],
  ['uid=root', /must have as its value a number/],
  ['size=1\n', /must have as its value a number/],
];
for (const [option, fault] of wrong) {
  test(`${JSON.stringify(option)} is refused`, () => {
    assert.match(tmpfsOptionFault(option) ?? '', fault);
  });
}
