// Tests of the default roots.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLibRoot, defaultRunRoot } from './roots.js';

const cases: readonly [string, number, Record<string, string>, string, string][] = [
  ['root', 0, { XDG_RUNTIME_DIR: '/x' }, '/run/virtcontainers', '/var/lib/virtcontainers'],
  [
    'a user',
    7,
    { XDG_RUNTIME_DIR: '/r', XDG_DATA_HOME: '/d' },
    '/r/virtcontainers',
    '/d/virtcontainers',
  ],
  [
    'a user without those variables',
    7,
    { HOME: '/home/me', XDG_DATA_HOME: '' },
    '/run/user/7/virtcontainers',
    '/home/me/.local/share/virtcontainers',
  ],
];
for (const [title, uid, environment, runRoot, libRoot] of cases) {
  test(`${title} has its default roots`, () => {
    const owner = { uid, environment };
    assert.deepEqual([defaultRunRoot(owner), defaultLibRoot(owner)], [runRoot, libRoot]);
  });
}
