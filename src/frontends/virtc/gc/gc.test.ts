// Tests of what `virtc gc` prints and exits with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GcReport } from '../../../model/pod.js';
import { gc } from './gc.js';

async function run(report: GcReport, format?: string) {
  const printed = { stdout: '', stderr: '' };
  const write = (name: keyof typeof printed) => (text: string) => {
    printed[name] += text;
  };
  const code = await gc(format === undefined ? {} : { format }, {
    runtime: { gc: async () => report },
    streams: { stdout: { write: write('stdout') }, stderr: { write: write('stderr') } },
  });
  return { code, ...printed };
}

const mixed: GcReport = { removed: ['a', 'b'], failed: [{ id: 'c', error: 'EBUSY\u001b[31m' }] };

const runs: readonly [string, GcReport, string | undefined, Awaited<ReturnType<typeof run>>][] = [
  [
    'nothing',
    { removed: [], failed: [] },
    undefined,
    { code: 0, stdout: '', stderr: 'nothing is left of any dead owner\n' },
  ],
  [
    'what was removed',
    { removed: ['a', 'b'], failed: [] },
    'text',
    { code: 0, stdout: 'a\nb\n', stderr: '' },
  ],
  [
    'what failed too',
    mixed,
    undefined,
    {
      code: 1,
      stdout: 'a\nb\n',
      stderr: 'virtc: cannot remove pod c: EBUSY\\x1b[31m\n',
    },
  ],
  ['JSON', mixed, 'json', { code: 1, stdout: `${JSON.stringify(mixed, null, 2)}\n`, stderr: '' }],
];
for (const [title, report, format, expected] of runs) {
  test(`virtc gc tells ${title}`, async () => {
    assert.deepEqual(await run(report, format), expected);
  });
}

test('another format is refused before anything is removed', async () => {
  const runtime = { gc: () => assert.fail('it was called') };
  const streams = { stdout: { write: () => {} }, stderr: { write: () => {} } };
  await assert.rejects(gc({ format: 'jsn' }, { runtime, streams }), {
    code: 'invalid-argument',
    message: 'cannot use --format "jsn": it must be text or json',
    hint: 'did you mean json?',
  });
});
