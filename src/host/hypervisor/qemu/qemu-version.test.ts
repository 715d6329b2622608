// Tests of QEMU's version.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTooOld, parseQemuVersion, qemuVersion } from './qemu-version.js';

test('the version is read from what QEMU says, and nothing else is', () => {
  const table: readonly (readonly [string, string | null])[] = [
    ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright', '7.2.22'],
    ['QEMU emulator version 10.0\n', '10.0'],
    ['QEMU emulator version x', null],
    ['sh: QEMU emulator version 7.2.22', null],
    ['', null],
  ];
  for (const [text, version] of table) assert.equal(parseQemuVersion(text), version, text);
});

test('versions compare as numbers', () => {
  for (const old of ['7.1.99', '6.2', '2.12.0']) assert.equal(isTooOld(old), true, old);
  for (const fine of ['7.2', '7.2.0', '7.10.1', '8.0.0', '10.0.3']) {
    assert.equal(isTooOld(fine), false, fine);
  }
});

test('the installed QEMU says its version; what is missing or no QEMU says none', async () => {
  assert.match((await qemuVersion('/usr/bin/qemu-system-x86_64')) ?? '', /^\d+\.\d+/);
  assert.equal(await qemuVersion('/usr/bin/no-such-qemu'), null);
  assert.equal(await qemuVersion('/usr/bin/true'), null);
});
