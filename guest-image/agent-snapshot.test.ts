// Tests of the agent's snapshot: made with this Node, which starts from it; a description of unknown form is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { agentRecipe, buildAgentSnapshot, withGuestTag } from './agent-snapshot.js';

const base = await mkdtemp(path.join(tmpdir(), 'virtc-snapshot-'));
after(() => rm(base, { recursive: true, force: true }));

/** Of the form that a snapshot begins with: text, the tag, text. */
const describing = (...tags: readonly number[]): Buffer =>
  Buffer.concat([
    Buffer.from('20.20.2 linux'),
    ...tags.map((tag) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(tag);
      return bytes;
    }),
    Buffer.from('the heap'),
  ]);

test('a snapshot gets the tag of the guest in place of its own, and is else what it was', () => {
  const snapshot = describing(0xfeed_beef);
  assert.deepEqual(withGuestTag(snapshot, 0xfeed_beef), describing(agentRecipe.tag));
  assert.deepEqual(snapshot, describing(0xfeed_beef));
});

for (const [name, snapshot] of [
  ['without its tag', describing(1)],
  ['with its tag twice', describing(7, 7)],
  ['with its tag far behind', Buffer.concat([Buffer.alloc(1000), describing(7)])],
] as const) {
  test(`a snapshot ${name} is refused`, () => {
    assert.throws(() => withGuestTag(snapshot, 7), {
      code: 'internal',
      message: /^cannot make a snapshot of the agent: Node .* describes it in an unknown form$/,
    });
  });
}

/** Makes a snapshot of a bundle with the Node that runs this. */
async function make(name: string, bundle: string): Promise<string> {
  const directory = path.join(base, name);
  await mkdir(directory);
  const options = { bundle: Buffer.from(bundle), node: process.execPath, scratch: base };
  await buildAgentSnapshot(directory, options);
  return path.join(directory, 'agent.blob');
}

test('a program goes on from the snapshot of its evaluation, which knows nothing of the environment of setup', async () => {
  process.env['VIRTC_SECRET'] = 'of setup';
  process.env['NODE_OPTIONS'] = '--no-such-option';
  try {
    const file = await make(
      'whole',
      `const seen = process.env.VIRTC_SECRET ?? 'nothing';
      require('node:v8').startupSnapshot.setDeserializeMainFunction(() => console.log(seen));`,
    );
    const blob = await readFile(file);
    // This processor's tag instead of the guest's.
    const env = {};
    const print = ['--print', 'v8.cachedDataVersionTag()'];
    const own = Number(execFileSync(process.execPath, [...agentRecipe.flags, ...print], { env }));
    const at = blob.readUInt32LE.bind(blob);
    const guest = [...Array(128).keys()].find((index) => at(index) === agentRecipe.tag) ?? -1;
    blob.writeUInt32LE(own, guest);
    await writeFile(file, blob);
    const args = [...agentRecipe.flags, '--snapshot-blob', file, 'x'];
    assert.equal(execFileSync(process.execPath, args, { env, encoding: 'utf8' }), 'nothing\n');
  } finally {
    delete process.env['VIRTC_SECRET'];
    delete process.env['NODE_OPTIONS'];
  }
});

test('a bundle that fails in its evaluation makes no snapshot', async () => {
  await assert.rejects(make('failing', 'throw new Error("broken");'), {
    code: 'internal',
    message: /^cannot make a snapshot of the agent: env ended with 1: .*broken/,
  });
});
