// Tests of how a traced run says what it found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceSurroundings } from './surroundings.js';
import { styleFor } from './trace-run.js';

test('with --format json what is said is a line of JSON', async (t) => {
  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text));
  const { stderr } = await traceSurroundings({ format: 'json', config: '' });
  stderr.write('host  step\n');
  t.mock.restoreAll();
  assert.deepEqual(said, ['{"event":"trace","text":"host  step\\n"}\n']);
  assert.equal(stderr.isTTY, undefined);
});

test('the colour is that of the flags', async () => {
  const { color, env, stderr } = await traceSurroundings({ color: 'always', config: '' });
  assert.equal(color, 'always');
  assert.equal(styleFor({ write: stderr.write }, env, color).colors, true);
});

const colors: readonly [Parameters<typeof styleFor>[2], boolean, boolean][] = [
  ['auto', true, true],
  ['auto', false, false],
  ['never', true, false],
  ['always', false, true],
];
for (const [color, isTTY, expected] of colors) {
  test(`colour ${color} on ${isTTY ? 'a terminal' : 'a pipe'} is ${expected}`, () => {
    const stderr = { isTTY, write: () => true };
    assert.equal(styleFor(stderr, { TERM: 'xterm' }, color).colors, expected);
  });
}
