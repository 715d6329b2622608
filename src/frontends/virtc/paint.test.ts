// Tests of when there is colour, and of the colour of errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtcontainersError } from '../../base/errors.js';
import { paintFor } from './paint.js';
import { describeError } from './report.js';
import { colorForErrors } from './settings.js';

const red = '\u001b[31mx\u001b[39m';
const cases: readonly [Parameters<typeof paintFor>[0], boolean, string, string][] = [
  ['auto', true, 'xterm', red],
  ['auto', true, 'dumb', 'x'],
  ['auto', false, 'xterm', 'x'],
  ['always', false, 'dumb', red],
  ['never', true, 'xterm', 'x'],
];
for (const [color, isTTY, TERM, expected] of cases) {
  test(`${color} on ${isTTY ? 'a terminal' : 'a pipe'} of ${TERM}`, () => {
    assert.equal(paintFor(color, { isTTY }, { TERM })('red', 'x'), expected);
  });
}

test('an error and its hint are coloured, and nothing that they hold can be', () => {
  const paint = paintFor('always', {}, {});
  const error = new VirtcontainersError('internal', 'cannot x: \u001b[31m', { hint: 'do y' });
  assert.equal(
    describeError(error, { debug: false, paint }),
    '\u001b[31mvirtc:\u001b[39m cannot x: \\x1b[31m\n\u001b[33mhint:\u001b[39m do y\n',
  );
});

const errorColors: readonly [string, Parameters<typeof colorForErrors>, string][] = [
  ['the flag', [{ color: 'always', config: '' }, { NO_COLOR: '1' }], 'always'],
  ['the variable', [{ config: '' }, { NO_COLOR: '1' }], 'never'],
  ['the flag beside a file that is not there', [{ color: 'never', config: '/none' }, {}], 'never'],
  ['auto for a flag that is wrong', [{ color: 'blue', config: '' }, {}], 'auto'],
  [
    'the variable beside another that is wrong',
    [{ config: '' }, { FORCE_COLOR: '1', VIRTC_LOG: 'x' }],
    'always',
  ],
];
for (const [title, args, expected] of errorColors) {
  test(`errors about the settings are coloured by ${title}`, async () => {
    assert.equal(await colorForErrors(...args), expected);
  });
}
