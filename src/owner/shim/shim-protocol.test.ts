// Tests of what a shim and its starter take from each other, and what they refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaults } from '../../model/defaults.js';
import { parseShimMessage, parseShimRequest, type ShimRequest } from './shim-protocol.js';

const request: ShimRequest = {
  version: '1.0.0',
  config: { runRoot: '/r', libRoot: '/l', guestImage: null, accelerator: 'auto', defaults },
  pod: { id: 'p', hostname: 'p', cpus: 1, memoryMiB: 512, labels: { a: 'b' } },
  template: true,
  logLevel: 'info',
};

test('a request is read as it was written', () => {
  assert.deepEqual(parseShimRequest(JSON.stringify(request), '1.0.0'), request);
});

test('a request of another version is refused, both versions said', () => {
  assert.throws(() => parseShimRequest(JSON.stringify(request), '2.0.0'), {
    code: 'unsupported',
    message: /version "2\.0\.0", the program that starts it of "1\.0\.0"/,
  });
});

const damaged: readonly [string, string][] = [
  ['no JSON', '{'],
  ['a field less', JSON.stringify({ ...request, pod: undefined })],
  ['a field more', JSON.stringify({ ...request, more: 1 })],
  ['a wrong field', JSON.stringify({ ...request, template: 'yes' })],
];
for (const [title, line] of damaged) {
  test(`a request is refused: ${title}`, () => {
    assert.throws(() => parseShimRequest(line, '1.0.0'), {
      code: 'invalid-argument',
      message: /^cannot start a shim: /,
    });
  });
}

test('lines of a shim that are no messages are passed over', () => {
  const lines = ['', 'Debugger attached.', '1', '{}', '{"kind":"other"}', '{"kind":"progress"}'];
  for (const line of lines) assert.equal(parseShimMessage(line), null);
  assert.deepEqual(parseShimMessage('{"kind":"ready"}'), { kind: 'ready' });
});
