// Tests of the QMP decoder and client against a peer that follows the protocol and one that does not.
import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import type { VirtcontainersError } from '../../../base/errors.js';
import { QmpClient } from './qmp-client.js';
import { QmpDecoder, type QmpMessage } from './qmp-decoder.js';

const greeting = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}}}\r\n';

function decode(chunks: readonly Uint8Array[], maxLineBytes?: number): QmpMessage[] {
  const decoder = new QmpDecoder(maxLineBytes);
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}

test('messages are the same however the bytes are cut, characters of several bytes included', () => {
  const value = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.integer()));
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 5 }),
      fc.array(fc.nat({ max: 30 }), { maxLength: 60 }),
      (values, cuts) => {
        const lines = values.map((data) => JSON.stringify({ event: 'Ö', data })).join('\r\n');
        const bytes = Buffer.from(`${lines}\r\n`);
        const chunks: Uint8Array[] = [];
        let start = 0;
        for (const cut of [...cuts, bytes.length]) {
          chunks.push(bytes.subarray(start, start + cut));
          start += cut;
        }
        const expected = values.map((data) => ({ kind: 'event', name: 'Ö', data }));
        assert.deepEqual(JSON.stringify(decode(chunks)), JSON.stringify(expected));
      },
    ),
  );
});

test('whatever bytes come, the decoder gives messages or one kind of error, and holds no more than a line', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
      try {
        decode(chunks, 100);
      } catch (error) {
        assert.match(String(error), /cannot understand QEMU/);
      }
    }),
  );
});

test('a line that comes byte by byte costs no more than its bytes', () => {
  const decoder = new QmpDecoder();
  const before = process.memoryUsage();
  for (let count = 0; count < 1024 * 1024; count += 1) [...decoder.push(Buffer.of(0x20))];
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const grown = heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes`);
});

test('what is not QMP is refused, by reason', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['{"event": \n', /not JSON/],
    ['[]\n', /not an object/],
    ['1\n', /not an object/],
    ['{}\n', /no greeting, answer or event/],
    ['{"event": 3}\n', /no greeting, answer or event/],
    ['{"error": "no"}\n', /no greeting, answer or event/],
    ['x'.repeat(101), /more than 100 bytes/],
    [`{"event": "${'x'.repeat(100)}"}\n`, /more than 100 bytes/],
  ];
  for (const [bytes, reason] of table) {
    assert.throws(() => decode([Buffer.from(bytes)], 100), reason, bytes);
  }
});

test('a line nested too deep for the parser is refused or read, but nothing else happens', () => {
  const deep = `{"return": ${'['.repeat(400_000)}${']'.repeat(400_000)}, "id": 1}\n`;
  try {
    assert.equal(decode([Buffer.from(deep)])[0]?.kind, 'return');
  } catch (error) {
    assert.match(String(error), /nested too deep/);
  }
});

test('keys like __proto__ are data', () => {
  decode([Buffer.from('{"event": "E", "data": {"__proto__": {"polluted": 1}}}\n')]);
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

/** A peer whose side of the protocol the test writes itself. */
function peer(): { readonly client: Duplex; readonly qemu: Duplex; readonly lines: string[] } {
  const [client, qemu] = duplexPair();
  const lines: string[] = [];
  qemu.on('data', (chunk) => {
    lines.push(...String(chunk).trim().split('\n'));
  });
  return { client, qemu, lines };
}

async function connected() {
  const { client, qemu, lines } = peer();
  qemu.write(greeting);
  const connecting = QmpClient.connect(client);
  while (lines.length === 0) await new Promise(setImmediate);
  qemu.write('{"return": {}, "id": 1}\n');
  return { qmp: await connecting, qemu, lines };
}

test('connecting reads the greeting and ends the negotiation', async () => {
  const { qmp, lines } = await connected();
  assert.equal(qmp.version, '7.2.22');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { execute: 'qmp_capabilities', id: 1 });
  qmp.close();
});

test('answers find their commands in any order', async () => {
  const { qmp, qemu } = await connected();
  const first = qmp.execute('query-a');
  const second = qmp.execute('query-b', { x: 'Ä' });
  qemu.write('{"id": 3, "return": "b"}\n{"id": 2, "return": "a"}\n');
  assert.deepEqual(await Promise.all([first, second]), ['a', 'b']);
  qmp.close();
});

test('a refusal names the command and QEMU’s reason, harmless on a terminal', async () => {
  const { qmp, qemu } = await connected();
  const refused = qmp.execute('device_add');
  qemu.write('{"error": {"class": "GenericError", "desc": "no\\u001b[31m room"}, "id": 2}\n');
  await assert.rejects(refused, (error: VirtcontainersError) => {
    assert.equal(error.message, 'cannot execute QMP command device_add: no\\x1b[31m room');
    assert.deepEqual(error.details, { qmpClass: 'GenericError', command: 'device_add' });
    return true;
  });
  qmp.close();
});

test('events reach the listeners of the moment', async () => {
  const { qmp, qemu } = await connected();
  const seen: unknown[] = [];
  const stop = qmp.onEvent((event) => seen.push([event.name, event.data]));
  qemu.write('{"event": "STOP"}\n{"event": "SHUTDOWN", "data": {"reason": "x"}}\n');
  await new Promise((resolve) => setTimeout(resolve, 5));
  stop();
  qemu.write('{"event": "RESUME"}\n');
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(seen, [
    ['STOP', {}],
    ['SHUTDOWN', { reason: 'x' }],
  ]);
  qmp.close();
});

test('a command has a deadline and can be aborted, and its late answer is dropped', async () => {
  const { qmp, qemu } = await connected();
  await assert.rejects(qmp.execute('slow', {}, { timeoutMs: 5 }), { code: 'timeout' });
  await assert.rejects(qmp.execute('slow', {}, { signal: AbortSignal.timeout(5) }), {
    name: 'AbortError',
  });
  const next = qmp.execute('quick');
  qemu.write('{"return": 1, "id": 2}\n{"error": {}, "id": 3}\n{"return": 4, "id": 4}\n');
  assert.equal(await next, 4);
  qmp.close();
});

test('answers to what was never asked end the connection', async () => {
  for (const id of ['7', '0', '-1', '1.5', '"2"', 'null', '{}']) {
    const { qmp, qemu } = await connected();
    const pending = qmp.execute('query-a');
    qemu.write(`{"return": "wrong", "id": ${id}}\n`);
    await assert.rejects(pending, { code: 'unavailable' }, id);
    assert.match(String(await qmp.closed), /answered what was not asked/);
  }
});

test('malformed bytes end the connection, and everything that waits for it', async () => {
  const { qmp, qemu } = await connected();
  const pending = [qmp.execute('a'), qmp.execute('b')];
  qemu.write('HTTP/1.1 400\r\n');
  for (const command of pending) {
    await assert.rejects(command, { code: 'unavailable', message: /a line is not JSON/ });
  }
  assert.match(String(await qmp.closed), /not JSON/);
  await assert.rejects(qmp.execute('c'), { code: 'unavailable' });
});

test('an endless line ends the connection', async () => {
  const { client, qemu } = peer();
  const connecting = QmpClient.connect(client, { maxLineBytes: 1000 });
  qemu.write('x'.repeat(2000));
  await assert.rejects(connecting, { code: 'unavailable', message: /more than 1000 bytes/ });
  assert.equal(client.destroyed, true);
});

test('QEMU’s end of the connection rejects what waits; ours too', async () => {
  const { qmp, qemu } = await connected();
  const pending = qmp.execute('a');
  qemu.end();
  await assert.rejects(pending, { code: 'unavailable' });
  assert.equal(await qmp.closed, undefined);
  const other = await connected();
  const waiting = other.qmp.execute('a');
  other.qmp.close();
  other.qmp.close();
  await assert.rejects(waiting, { code: 'unavailable' });
});

test('a peer without a greeting is given up after the deadline or by the signal', async () => {
  const silent = peer();
  await assert.rejects(QmpClient.connect(silent.client, { timeoutMs: 5 }), { code: 'timeout' });
  assert.equal(silent.client.destroyed, true);
  const aborted = peer();
  const connecting = QmpClient.connect(aborted.client, { signal: AbortSignal.timeout(5) });
  await assert.rejects(connecting, { name: 'AbortError' });
  assert.equal(aborted.client.destroyed, true);
});
