import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { Input } from './input.js';

class Target extends Writable {
  readonly chunks: Buffer[] = [];
  failing = false;
  held: (() => void) | null = null;
  hold = false;

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.failing) {
      done(new Error('EPIPE'));
      return;
    }
    this.chunks.push(Buffer.from(chunk));
    if (this.hold) this.held = done;
    else done();
  }

  text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('an answer comes when the process has taken the bytes, also to a repeated write', async () => {
  const target = new Target();
  target.hold = true;
  const input = new Input(target, null);
  let answered = 0;
  const count = (): void => void answered++;
  const first = input.write(0, bytes('abc'), false).then(count);
  const repeated = input.write(0, bytes('abc'), false).then(count);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, 0);
  target.held?.();
  await Promise.all([first, repeated]);
  assert.equal(target.text(), 'abc');
});

test('a process that closes its input is said, with what it had taken', async () => {
  const target = new Target();
  const input = new Input(target, null);
  await input.write(0, bytes('abc'), false);
  target.failing = true;
  assert.deepEqual(await input.write(3, bytes('d'), false), { offset: 3, closed: true });
  assert.deepEqual(await input.write(3, bytes('d'), false), { offset: 3, closed: true });
});

test('a process that ends while bytes wait for it does not leave the write waiting', async () => {
  const target = new Target();
  target.hold = true;
  const input = new Input(target, null);
  const write = input.write(0, bytes('abc'), false);
  setImmediate(() => target.destroy());
  assert.deepEqual(await write, { offset: 0, closed: true });
});

test('the end closes the stream once what was written is taken, and is not a closing by the process', async () => {
  const target = new Target();
  const input = new Input(target, null);
  assert.deepEqual(await input.write(0, bytes('abc'), true), { offset: 3, closed: false });
  assert.equal(target.destroyed, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await input.write(3, bytes(''), true), { offset: 3, closed: false });
});

test("a terminal's end is a mark, which is not counted", async () => {
  const target = new Target();
  const input = new Input(target, Uint8Array.of(4));
  assert.deepEqual(await input.write(0, bytes('abc'), true), { offset: 3, closed: false });
  assert.equal(target.text(), 'abc\x04');
  assert.equal(target.destroyed, false);
});

test('writes that overlap in any way give the bytes once and in order', async () => {
  const write = fc.record({ back: fc.nat(20), length: fc.nat(30) });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 50 }), async (writes) => {
      const target = new Target();
      const input = new Input(target, null);
      let end = 0;
      for (const { back, length } of writes) {
        const offset = Math.max(0, end - back);
        const data = Uint8Array.from({ length }, (_, index) => (offset + index) % 251);
        end = Math.max(end, offset + length);
        const state = await input.write(offset, data, false);
        assert.equal(state.offset, end);
      }
      const all = Buffer.concat(target.chunks);
      assert.equal(all.length, end);
      assert.ok(all.every((byte, index) => byte === index % 251));
    }),
  );
});
