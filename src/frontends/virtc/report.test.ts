// Tests of exit codes and of how errors look.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtcontainersError } from '../../base/errors.js';
import { describeError, exitCodeFor } from './report.js';

const codes: readonly [string, unknown, number][] = [
  ['a missing command', failure({ reason: 'command-not-found' }), 127],
  ['a command that cannot be executed', failure({ reason: 'command-not-executable' }), 126],
  ['a bad working directory', failure({ reason: 'bad-working-directory' }), 125],
  ['any other failure', failure({}), 125],
  ['a bug', new TypeError('x is not a function'), 125],
  ['something that is no error', 'text', 125],
];
for (const [title, error, expected] of codes) {
  test(`${title} gives exit code ${expected}`, () => assert.equal(exitCodeFor(error), expected));
}

function failure(details: Readonly<Record<string, unknown>>): VirtcontainersError {
  return new VirtcontainersError('internal', 'cannot start container a: because', { details });
}

test('an error is one line, and its hint another', () => {
  const error = new VirtcontainersError('not-found', 'cannot open guest image: none', {
    hint: 'run virtc setup',
    details: { path: '/x' },
    cause: new Error('below'),
  });
  assert.equal(
    describeError(error, { debug: false }),
    'virtc: cannot open guest image: none\nhint: run virtc setup\n',
  );
});

test('the last lines of a VM that died are shown, escaped', () => {
  const error = failure({ consoleTail: 'one\r\nKernel panic\u001b[31m\n', stderrTail: ' \n' });
  assert.equal(
    describeError(error, { debug: false }),
    "virtc: cannot start container a: because\nthe console's last lines:\n  one\n  Kernel panic\\x1b[31m\n",
  );
});

test('what could not be cleaned up is said', () => {
  const text = describeError(failure({ failedCleanups: ['share: EBUSY'] }), { debug: false });
  assert.match(text, /\nnot cleaned up:\n {2}share: EBUSY\n$/);
});

test('--debug adds the causes, the code, the details and the stack', () => {
  const error = new VirtcontainersError('internal', 'cannot x', {
    cause: new Error('first', { cause: new Error('second') }),
    details: { path: '/x', count: 2, circular: circular() },
  });
  const text = describeError(error, { debug: true });
  for (const part of [
    'caused by: first\ncaused by: second\n',
    'code: internal\n',
    'path: /x\n',
    'count: 2\n',
    'circular: [object Object]\n',
    'VirtcontainersError: cannot x\n    at ',
  ]) {
    assert.ok(text.includes(part), `${part} is in ${text}`);
  }
});

test('a chain of causes that bites its tail ends', () => {
  const error = new Error('a');
  error.cause = error;
  assert.ok(describeError(error, { debug: true }).length < 10_000);
});

function circular(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}

test('what could act on a terminal is escaped, line ends are not', () => {
  const text = describeError(new Error('a\nb\u001b[2Jc\u202ed\u009be'), { debug: false });
  assert.equal(text, 'virtc: a\nb\\x1b[2Jc\\u{202e}d\\x9be\n');
});
