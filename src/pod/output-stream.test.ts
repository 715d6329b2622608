// Tests of a process's output as a stream: what it costs the host, what it acknowledges, what a second host finds.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { Agent, GuestContainer } from '../host/agent/agent.js';
import { TtrpcAgentConnector } from '../host/agent/ttrpc-agent-connector.js';
import { guestOutputBufferBytes, hostOutputBufferBytes } from '../model/limits.js';
import { FakeVm } from '../testing/fake-vm.js';
import { type OutputSource, OutputStream } from './output-stream.js';

type Range = Parameters<OutputSource>[0];

const init = { containerId: 'c', processId: '' };
const connector = new TtrpcAgentConnector({ version: '0.1.0' });

function container(args: readonly string[]): GuestContainer {
  return {
    containerId: 'c',
    specJson: JSON.stringify({ process: { args } }),
    root: {
      kind: 'directory',
      source: { tag: 'virtc-ro', cached: true, path: 'root' },
      discardWrites: true,
    },
    sharedMounts: [],
    stdin: false,
    terminalSize: null,
  };
}

/** The container's output as a host sees it that knows of `from` bytes. */
function outputOf(agent: Agent, from: number, asked: Range[] = []): OutputStream {
  const base = BigInt(from);
  const stream = new OutputStream((range) => {
    asked.push(range);
    const { offset, acknowledged, maxBytes } = range;
    const moved = { offset: base + offset, acknowledged: base + acknowledged };
    return agent.readOutput(init, { stream: 'stdout', maxBytes, ...moved });
  });
  stream.begin();
  return stream;
}

/** Reads exactly so many bytes. */
async function take(stream: OutputStream, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0; ) {
    const size = Math.min(left, stream.readableLength || 1);
    const piece = stream.read(size) as Buffer | null;
    if (piece === null) await once(stream, 'readable');
    else pieces.push(piece);
    left -= piece?.length ?? 0;
  }
  return Buffer.concat(pieces);
}

/** A source of so many bytes, and each range it was asked for. */
function recorded(bytes: Buffer): { source: OutputSource; ranges: Range[] } {
  const ranges: Range[] = [];
  const source: OutputSource = async (range) => {
    ranges.push(range);
    const from = Number(range.offset);
    const data = bytes.subarray(from, from + range.maxBytes);
    return { data, end: from + data.length === bytes.length };
  };
  return { source, ranges };
}

test('an owner that dies with output it has read ahead loses and repeats nothing', async () => {
  const handle = {
    kind: 'vm' as const,
    hypervisor: 'fake',
    process: { pid: process.pid, startTime: '1' },
    cgroups: [],
  };
  const vm = new FakeVm({
    handle,
    origin: { kind: 'boot' },
    size: { cpus: 1, memoryMiB: 512 },
    onEnd: () => {},
  });
  const attach = (): Promise<Agent> =>
    connector.attach(() => vm.dialAgent(), { podId: 'p', timeoutMs: 5000 });
  const bytes = 3_000_000;
  const expected = Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => index % 251));

  const first = await attach();
  await first.createContainer(container(['flood', String(bytes)]));
  await first.startContainer('c');
  const asked: Range[] = [];
  const lost = outputOf(first, 0, asked);
  const delivered = await take(lost, 700_001);
  const aheadEnough = BigInt(delivered.length + hostOutputBufferBytes / 2);
  for (let round = 0; (asked.at(-1)?.offset ?? 0n) < aheadEnough; round++) {
    assert.ok(round < 1000, 'the first host reads ahead');
    await pause(5);
  }
  first.close();
  lost.stop(new Error('the owner is dead'));

  const second = await attach();
  const rest = await buffer(outputOf(second, delivered.length));
  assert.ok(Buffer.concat([delivered, rest]).equals(expected));
  second.close();
  vm.kill();
});

test('what a reader has not taken is not acknowledged, whatever it reads', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 20 }),
      async (sizes) => {
        const { source, ranges } = recorded(Buffer.alloc(2_500_000));
        const stream = new OutputStream(source);
        stream.begin();
        let taken = 0;
        for (const size of sizes.filter((bytes, index) => bytes * (index + 1) < 2_500_000)) {
          if (taken + size > 2_500_000) break;
          await take(stream, size);
          taken += size;
          await turn();
          const last = ranges.at(-1);
          assert.ok(last !== undefined && last.acknowledged <= BigInt(taken));
        }
        for (const { offset, acknowledged } of ranges) {
          // More would wait for ever: the guest keeps no more.
          assert.ok(offset - acknowledged < BigInt(guestOutputBufferBytes));
        }
        stream.destroy();
        await stream.drawn;
      },
    ),
    { numRuns: 30 },
  );
});

test('a reader that takes text acknowledges whole bytes, not characters', async () => {
  const text = '€'.repeat(500_000);
  const { source, ranges } = recorded(Buffer.from(text));
  const stream = new OutputStream(source);
  stream.setEncoding('utf8');
  stream.begin();
  let received = '';
  for await (const piece of stream) {
    const last = ranges.at(-1);
    assert.ok(last !== undefined && last.acknowledged <= Buffer.byteLength(received + piece));
    received += piece as string;
  }
  assert.equal(received, text);
  assert.ok((ranges.at(-1)?.acknowledged ?? 0n) > 0n);
});

test('what is dropped, and what a process has left at its end, is acknowledged unread', async () => {
  const bytes = Buffer.alloc(2_000_000);
  for (const release of ['destroy', 'drawLastWords'] as const) {
    const { source, ranges } = recorded(bytes);
    const stream = new OutputStream(source);
    stream.begin();
    await once(stream, 'readable');
    stream[release]();
    await stream.drawn;
    const { offset, acknowledged } = ranges.at(-1) ?? {};
    assert.ok(offset !== undefined && offset > 0n && acknowledged === offset, release);
    if (release === 'drawLastWords') assert.equal((await buffer(stream)).length, bytes.length);
  }
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is reachable, in bytes. */
const memory = (): number => {
  // The first one's buffers are only counted as gone by the second.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

// Four bytes: node:test makes a million answers take seconds, and in an object each these would still fill 20 MB.
test('a guest that sends a few bytes in large messages fills no memory of the host', async () => {
  const bytes = 4;
  const before = memory();
  let answers = 0;
  const output = new OutputStream(async () => {
    answers += 1;
    return { data: Buffer.allocUnsafeSlow(4096).subarray(0, bytes), end: false };
  });
  output.begin();
  for (let seen = -1; seen < answers; await pause(50)) seen = answers;
  assert.ok(answers * bytes >= hostOutputBufferBytes, `${answers} answers`);
  const grown = memory() - before;
  assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes for ${answers * bytes} bytes of output`);
  output.stop(new Error('enough'));
});

test('output comes back exactly, however it is cut and whenever it is read', async () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.boolean(), async (list, isReadLate) => {
      const all = Buffer.concat(list);
      let next = 0;
      const output = new OutputStream(async () => {
        const data = list[next] ?? new Uint8Array();
        next += 1;
        return { data, end: next >= list.length };
      });
      output.begin();
      if (isReadLate) await pause(1);
      assert.ok((await buffer(output)).equals(all));
    }),
    { numRuns: 50 },
  );
});
