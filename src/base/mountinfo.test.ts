// Tests of reading the kernel's list of mounts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseMountinfo } from './mountinfo.js';

test('a mount is read with its optional fields or without, blanks included', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\0402\\011x rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue',
    '22 27 0:21 / /proc rw - proc proc rw',
    'garbage',
    '1 2 3 - ',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(text), [
    {
      root: '/mnt1',
      mountPoint: '/mnt 2\tx',
      type: 'ext3',
      superOptions: ['rw', 'errors=continue'],
    },
    { root: '/', mountPoint: '/proc', type: 'proc', superOptions: ['rw'] },
  ]);
});

test('every mount of this host is read', () => {
  const text = readFileSync('/proc/self/mountinfo', 'utf8');
  assert.equal(parseMountinfo(text).length, text.trim().split('\n').length);
});
