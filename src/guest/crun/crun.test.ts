import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crunError } from './crun.js';

// The texts are those of crun 1.8.1.
const table: readonly (readonly [string, string, string | undefined])[] = [
  [
    'executable file `nope` not found in $PATH: No such file or directory',
    'invalid-argument',
    'command-not-found',
  ],
  [
    'executable file `a\nb` not found in $PATH: No such file or directory',
    'invalid-argument',
    'command-not-found',
  ],
  ['open executable: Not a directory', 'invalid-argument', 'command-not-found'],
  ['open executable: Permission denied', 'invalid-argument', 'command-not-executable'],
  ['open executable: Operation not permitted', 'invalid-argument', 'command-not-executable'],
  ['chdir `/nowhere`: No such file or directory', 'invalid-argument', 'bad-working-directory'],
  ['the container `c` is not running', 'invalid-state', undefined],
  ['mount `tmpfs` to `x`: Invalid argument', 'internal', undefined],
  ['mount `tmpfs` to `etc/passwd`: Not a directory', 'invalid-argument', undefined],
  ['mkdir `/etc/passwd/x`: Not a directory', 'invalid-argument', undefined],
  ['setrlimit `RLIMIT_NOFILE`: Operation not permitted', 'invalid-argument', undefined],
  ['', 'internal', undefined],
];

for (const [log, code, reason] of table) {
  test(`crun's "${log.replace('\n', ' ')}" is ${reason ?? code}`, () => {
    const error = crunError('nope', log, { code: 1, signal: 0 });
    assert.equal(error.code, code);
    assert.equal(error.details['reason'], reason);
  });
}

test('what cannot be mounted is said by its place in the container, not by the guest’s own path', () => {
  const log = 'mount `/run/virtc/shares/virtc-rw/76` to `etc`: Not a directory';
  const { message } = crunError('x', log, { code: 1, signal: 0 });
  assert.match(message, /^cannot mount on "\/etc": a directory goes onto a directory/);
});

test('a silent end says how it came', () => {
  assert.match(crunError('x', '', { code: 0, signal: 9 }).message, /signal 9/);
});
