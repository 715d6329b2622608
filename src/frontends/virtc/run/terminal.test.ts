// Tests of raw mode, sizes and restoring, on a fake terminal.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { Terminal, toRawMode } from './terminal.js';

function fakeTerminal(options: { isTTY?: boolean; size?: [number, number]; fails?: boolean } = {}) {
  const events = new EventEmitter();
  let mode: Uint8Array = cookedMode();
  const set: string[] = [];
  const sized = { isTTY: options.size !== undefined, getWindowSize: () => options.size ?? [0, 0] };
  const terminal = new Terminal(
    {
      stdin: { isTTY: options.isTTY ?? true, fd: 0 },
      stdout: { isTTY: false },
      stderr: sized as { isTTY: boolean; getWindowSize(): [number, number] },
      on: (event, listener) => events.on(event, listener),
      off: (event, listener) => events.off(event, listener),
    },
    {
      get: () => mode,
      set: (_fd, next) => {
        if (options.fails === true && set.length > 0) throw new Error('EIO');
        mode = next;
        set.push(Buffer.from(next).toString('hex'));
      },
    },
  );
  return { terminal, events, set, mode: () => Buffer.from(mode) };
}

/** What `stty -a` of a fresh xterm stands for. */
function cookedMode(): Buffer {
  const mode = Buffer.alloc(36);
  mode.writeUInt32LE(0o42400 | 0o400 | 0o2000, 0);
  mode.writeUInt32LE(0o5, 4);
  mode.writeUInt32LE(0o277, 8);
  mode.writeUInt32LE(0o105073, 12);
  Buffer.from('031c7f150400010011131a00120f1716', 'hex').copy(mode, 17);
  return mode;
}

test('raw mode is what cfmakeraw makes, and changes nothing else', () => {
  const before = cookedMode();
  const raw = Buffer.from(toRawMode(before));
  assert.equal(raw.readUInt32LE(0), 0o40000);
  assert.equal(raw.readUInt32LE(4), 0o4);
  assert.equal(raw.readUInt32LE(8), 0o277);
  assert.equal(raw.readUInt32LE(12), 0o5060);
  assert.deepEqual([raw[17 + 5], raw[17 + 6]], [0, 1]);
  assert.deepEqual(raw.subarray(17, 22), before.subarray(17, 22));
  assert.deepEqual(raw.subarray(24), before.subarray(24));
  assert.deepEqual(before, cookedMode());
});

test('the mode is restored once, however often it is asked for', () => {
  const { terminal, mode, set, events } = fakeTerminal();
  terminal.enterRawMode();
  terminal.enterRawMode();
  assert.notDeepEqual(mode(), cookedMode());
  terminal.restore();
  terminal.restore();
  assert.deepEqual(mode(), cookedMode());
  assert.equal(set.length, 2);
  assert.deepEqual(events.eventNames(), []);
});

test('the mode is restored when the process exits', () => {
  const { terminal, mode, events } = fakeTerminal();
  terminal.enterRawMode();
  events.emit('exit');
  assert.deepEqual(mode(), cookedMode());
});

test('a terminal that is gone cannot be restored, and nothing fails', () => {
  const { terminal } = fakeTerminal({ fails: true });
  terminal.enterRawMode();
  assert.doesNotThrow(() => terminal.restore());
});

test('input that is no terminal has no mode', () => {
  const { terminal, set } = fakeTerminal({ isTTY: false });
  assert.equal(terminal.hasInput, false);
  terminal.enterRawMode();
  terminal.restore();
  assert.deepEqual(set, []);
});

test('the size is that of the first stream that is a terminal', () => {
  assert.deepEqual(fakeTerminal({ size: [132, 43] }).terminal.size(), { columns: 132, rows: 43 });
});

test('without a terminal, or with one that has no size, it is 80 by 24', () => {
  assert.deepEqual(fakeTerminal().terminal.size(), { columns: 80, rows: 24 });
  assert.deepEqual(fakeTerminal({ size: [0, 0] }).terminal.size(), { columns: 80, rows: 24 });
});

test('resizes are told until they are stopped', () => {
  const { terminal, events } = fakeTerminal();
  let count = 0;
  const stop = terminal.onResize(() => {
    count += 1;
  });
  events.emit('SIGWINCH');
  stop();
  events.emit('SIGWINCH');
  assert.equal(count, 1);
});
