// Tests of what `-v` means.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBindMount } from './volume.js';

const bound: readonly [string, string, string, boolean][] = [
  ['/a:/b', '/a', '/b', false],
  ['/a:/b:ro', '/a', '/b', true],
  ['/a:/b:rw', '/a', '/b', false],
  ['./a:/b', '/cwd/a', '/b', false],
  ['../a:/b', '/a', '/b', false],
  ['.:/b', '/cwd', '/b', false],
  ['..:/b', '/', '/b', false],
  ['/with,comma and space:/b c,d', '/with,comma and space', '/b c,d', false],
  ['/new\nline:/b\nc:ro', '/new\nline', '/b\nc', true],
  ['/a=b:/c=d', '/a=b', '/c=d', false],
];
for (const [text, source, destination, readOnly] of bound) {
  test(`-v ${JSON.stringify(text)} binds`, () => {
    assert.deepEqual(toBindMount(text, '/cwd'), { kind: 'bind', source, destination, readOnly });
  });
}

const refused: readonly [string, string, RegExp, RegExp | undefined][] = [
  ['/data', 'unsupported', /anonymous volumes/, /-v SRC:DST/],
  ['', 'unsupported', /anonymous volumes/, undefined],
  ['data:/b', 'unsupported', /named volumes/, /write \.\/data/],
  ['a/b:/c', 'unsupported', /named volumes/, /write \.\/a\/b/],
  ['.hidden:/c', 'unsupported', /named volumes/, /write \.\/\.hidden/],
  ['~/x:/c', 'invalid-argument', /as it was written/, /"\$HOME\/x", or \.\/~\/x /],
  ['~:/c', 'invalid-argument', /as it was written/, /"\$HOME", or \.\/~ /],
  ['~x:/c', 'unsupported', /named volumes/, /write \.\/~x/],
  [':/b', 'invalid-argument', /host is empty/, undefined],
  ['/a:', 'invalid-argument', /must be absolute, not ""/, undefined],
  ['/a:b', 'invalid-argument', /must be absolute, not "b"/, undefined],
  ['/a:ro', 'invalid-argument', /must be absolute/, undefined],
  ['/a:/b:', 'invalid-argument', /must be ro or rw/, undefined],
  ['/a:/b:z', 'invalid-argument', /must be ro or rw/, undefined],
  ['/a:x:/b:ro', 'invalid-argument', /must be ro or rw/, /colon in it/],
];
for (const [text, code, message, hint] of refused) {
  test(`-v ${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => toBindMount(text, '/cwd'),
      hint === undefined ? { code, message } : { code, message, hint },
    );
  });
}
