// Tests of how templates are listed for people.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TemplateInfo } from '../../../model/template.js';
import { sampleTemplate as template } from '../../../testing/sample-template.js';
import { toAgo, toSizeText, toTable } from './format.js';

const nowMs = Date.parse('2025-03-01T12:00:00Z');
const old: TemplateInfo = { ...template, id: 'a'.repeat(32), current: false, sizeBytes: 0 };
const torn: TemplateInfo = {
  ...old,
  createdAt: '',
  qemuVersion: '',
  problem: 'its state is \u001b[31m cut short',
};

const tables: readonly [string, readonly TemplateInfo[], boolean, readonly string[]][] = [
  ['nothing', [], true, ['ID   CREATED   LAST USED   SIZE   GUEST IMAGE   QEMU   ACCEL   STATE']],
  [
    'what is there, short',
    [template, old, torn],
    true,
    [
      'ID             CREATED      LAST USED   SIZE       GUEST IMAGE    QEMU     ACCEL   STATE',
      '0123456789ab   9 days ago   just now    139.2MiB   fedcba987654   7.2.22   tcg     current',
      'aaaaaaaaaaaa   9 days ago   just now    0B         fedcba987654   7.2.22   tcg     other',
      'aaaaaaaaaaaa   -            just now    0B         fedcba987654   -        tcg     damaged',
    ],
  ],
  [
    'whole ids, and what is damaged',
    [torn],
    false,
    [
      'ID                                 CREATED   LAST USED   SIZE   GUEST IMAGE        QEMU   ACCEL   STATE',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa   -         just now    0B     fedcba9876543210   -      tcg     damaged: its state is \\x1b[31m cut short',
    ],
  ],
];
for (const [title, templates, short, lines] of tables) {
  test(`the table has ${title}`, () => {
    assert.deepEqual(toTable(templates, { nowMs, short }).split('\n'), [...lines, '']);
  });
}

const sizes: readonly [number, string][] = [
  [0, '0B'],
  [1, '1B'],
  [1023, '1023B'],
  [1024, '1KiB'],
  [1536, '1.5KiB'],
  [145_961_779, '139.2MiB'],
  [4 * 1024 ** 3, '4GiB'],
  [3 * 1024 ** 5, '3072TiB'],
];
for (const [bytes, text] of sizes) {
  test(`${bytes} bytes are ${text}`, () => assert.equal(toSizeText(bytes), text));
}

const ages: readonly [number, string][] = [
  [-60, 'just now'],
  [0, 'just now'],
  [2, '2 seconds ago'],
  [119, '119 seconds ago'],
  [120, '2 minutes ago'],
  [7199, '119 minutes ago'],
  [7200, '2 hours ago'],
  [2 * 86_400, '2 days ago'],
  [13 * 86_400, '13 days ago'],
  [14 * 86_400, '2 weeks ago'],
  [75 * 86_400, '2 months ago'],
  [800 * 86_400, '2 years ago'],
];
for (const [seconds, text] of ages) {
  test(`${seconds} seconds after it is ${text}`, () => {
    assert.equal(toAgo(new Date(nowMs - seconds * 1000).toISOString(), nowMs), text);
  });
}
