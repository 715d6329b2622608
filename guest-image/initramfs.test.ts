// Tests of what gets into the first file system: modules without their signatures.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutSignature } from './initramfs.js';

const mark = Buffer.from('~Module signature appended~\n');

/** As scripts/sign-file.c of Linux does it: module, signature, its description with the length at the end, the mark. */
function signed(module: Buffer, signature: Buffer): Buffer {
  const description = Buffer.alloc(12);
  description.writeUInt8(2, 2);
  description.writeUInt32BE(signature.length, 8);
  return Buffer.concat([module, signature, description, mark]);
}

const module = Buffer.from('\x7fELF the module');

test('a signed module loses its signature and nothing else', () => {
  assert.deepEqual(withoutSignature(signed(module, Buffer.alloc(681, 's'))), module);
});

test('a module that is not signed stays as it is, however short', () => {
  for (const data of [module, Buffer.alloc(0), mark, Buffer.alloc(11)]) {
    assert.deepEqual(withoutSignature(data), data);
  }
});

test('a signature that claims to be longer than the module leaves nothing to be loaded', () => {
  const broken = signed(module, Buffer.alloc(4));
  broken.writeUInt32BE(1_000_000, broken.length - mark.length - 4);
  assert.equal(withoutSignature(broken).length, 0);
});
