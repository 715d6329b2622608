import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CpioEntry, writeCpio } from './cpio.js';

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly device: readonly [number, number];
  readonly data: Buffer;
}

/** Reads an archive as the kernel does (init/initramfs.c): fixed fields, everything on a boundary of four bytes. */
function readCpio(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < archive.length; ) {
    assert.equal(at % 4, 0);
    assert.equal(archive.toString('latin1', at, at + 6), '070701');
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('utf8', at + 110, nameEnd - 1);
    assert.equal(archive[nameEnd - 1], 0);
    const data = (nameEnd + 3) & ~3;
    const end = data + field(6);
    members.push({
      name,
      mode: field(1),
      device: [field(9), field(10)],
      data: archive.subarray(data, end),
    });
    at = (end + 3) & ~3;
  }
  return members;
}

test('directories, files and devices come out as they went in, the end marked', () => {
  const archive = writeCpio([
    { kind: 'directory', name: 'dev' },
    { kind: 'character-device', name: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', name: 'init', data: Buffer.from('program'), executable: true },
    { kind: 'file', name: 'empty', data: Buffer.alloc(0) },
  ]);
  const seen = readCpio(archive).map(({ name, mode, device, data }) => [
    name,
    mode.toString(8),
    ...device,
    String(data),
  ]);
  assert.deepEqual(seen, [
    ['dev', '40755', 0, 0, ''],
    ['dev/console', '20600', 5, 1, ''],
    ['init', '100555', 0, 0, 'program'],
    ['empty', '100444', 0, 0, ''],
    ['TRAILER!!!', '0', 0, 0, ''],
  ]);
});

test('any names and contents keep every member on its boundary', () => {
  const entry = fc.record({
    name: fc.string({ minLength: 1, maxLength: 40 }).filter((name) => !name.includes('\0')),
    data: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
      const files = entries.map(
        ({ name, data }) => ({ kind: 'file', name, data }) satisfies CpioEntry,
      );
      const members = readCpio(writeCpio(files)).slice(0, -1);
      assert.deepEqual(
        members.map(({ name, data }) => [name, [...data]]),
        entries.map(({ name, data }) => [Buffer.from(name).toString(), [...data]]),
      );
    }),
  );
});
