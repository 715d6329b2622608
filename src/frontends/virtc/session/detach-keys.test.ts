// Tests of the keys that leave a terminal.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { DetachFilter, toDetachKeys } from './detach-keys.js';

test('keys are read as docker writes them', () => {
  assert.deepEqual([...toDetachKeys('ctrl-p,ctrl-q')], [16, 17]);
  assert.deepEqual([...toDetachKeys('ctrl-A,d,ctrl-[')], [1, 100, 27]);
  assert.deepEqual([...toDetachKeys('')], []);
  for (const bad of ['ctrl-1', 'ab', 'é', ',']) {
    assert.throws(() => toDetachKeys(bad), { code: 'invalid-argument' });
  }
});

for (const [pieces, passed, leaves] of [
  [['ab\x10\x11cd'], 'ab', true],
  [['ab\x10', '\x11cd'], 'ab', true],
  [['\x10x\x10\x10\x11'], '\x10x\x10', true],
  [['a\x11b\x10'], 'a\x11b\x10', false],
] as const) {
  test(`of ${JSON.stringify(pieces)} ${JSON.stringify(passed)} is passed on`, async () => {
    const filter = new DetachFilter(toDetachKeys('ctrl-p,ctrl-q'));
    let left = false;
    filter.once('detach', () => {
      left = true;
    });
    const got = text(filter);
    for (const piece of pieces) filter.write(piece);
    filter.end();
    assert.equal(await got, passed);
    assert.equal(left, leaves);
  });
}

test('without keys everything is passed on', async () => {
  const filter = new DetachFilter(toDetachKeys(''));
  filter.end('\x10\x11');
  assert.equal(await text(filter), '\x10\x11');
});
