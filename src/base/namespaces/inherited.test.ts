// Tests of the files that a jailed process inherits: what it can do with them, what is refused, and what stays open here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { withFreeDescriptors } from '../../testing/few-descriptors.js';
import { type JailSpec, spawnInJail } from './jail.js';

let directory = '';
// A jailed process does not keep this one alive.
const awake = setInterval(() => {}, 1000);

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'jail-inherited-'));
});
after(() => {
  clearInterval(awake);
  rmSync(directory, { recursive: true, force: true });
});

async function run(script: string, inherited: readonly string[], more: Partial<JailSpec> = {}) {
  const jailed = await spawnInJail({
    argv: ['/usr/bin/sh', '-c', script],
    env: { PATH: '/usr/bin' },
    readOnlyPaths: [],
    writablePaths: [],
    exports: [],
    devices: ['null'],
    needsFileCapabilities: true,
    inherited,
    ...more,
  });
  const output = await text(jailed.stderr);
  await jailed.exited;
  return output;
}

function file(name: string, content: string): string {
  const made = path.join(directory, name);
  writeFileSync(made, content, { mode: 0o600 });
  return made;
}

/** What this process has open below the tests' directory, and how much in all. */
function open(): { readonly files: readonly string[]; readonly count: number } {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return { files: targets.filter((one) => one.startsWith(directory)), count: targets.length };
}

test('its content is at descriptor 3, the next one’s at 4, and no others are there', async () => {
  const files = [file('state', 'the state'), file('more', 'and more')];
  const output = await run('cat <&3; echo; cat <&4; echo; exec ls /proc/self/fd', files);
  // `ls` opens the directory itself as 5.
  assert.equal(output, 'the state\nand more\n0\n1\n2\n3\n4\n5\n');
  assert.deepEqual(open().files, [], 'this process keeps none of them');
});

test('it is read from its beginning by each jail, though another has read it', async () => {
  const state = file('twice', 'all of it');
  for (let times = 0; times < 2; times += 1) {
    assert.equal(await run('cat <&3', [state]), 'all of it');
  }
});

for (const [user, sources] of [
  ['a user of its own', ['/']],
  // Where ids cannot be mapped.
  ['root', ['/proc']],
] as const) {
  test(`${user} in the jail cannot write it: not by the descriptor, and not by opening it anew`, async () => {
    const state = file('fixed', 'kept');
    chmodSync(state, 0o666);
    const output = await run(
      `(echo lost >&3) 2>&- && echo written
       (echo lost > /proc/self/fd/3) 2>&- && echo opened
       (echo lost >> /proc/self/fd/3) 2>&- && echo appended
       truncate --size=0 /proc/self/fd/3 2>&- && echo truncated
       chmod 666 /proc/self/fd/3 2>&- && echo changed
       touch /proc/self/fd/3 2>&- && echo touched
       echo end`,
      [state],
      { sources },
    );
    assert.equal(output, 'end\n');
    assert.equal(readFileSync(state, 'utf8'), 'kept');
  });
}

test('the path of it is not in the jail', async () => {
  const state = file('hidden', 'content');
  chmodSync(directory, 0o755);
  assert.match(await run(`cat ${state} 2>&1; exit 0`, [state]), /No such file/);
});

test('what is no file is refused by name, nothing is spawned, and nothing stays open', async () => {
  const first = file('first', '1');
  const link = path.join(directory, 'link');
  symlinkSync(first, link);
  const folder = path.join(directory, 'folder');
  mkdirSync(folder);
  const fifo = path.join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const missing = path.join(directory, 'missing');
  await run('true', [first]);
  const before = open();
  for (const [wrong, code, reason] of [
    [link, 'internal', 'it is a link'],
    [folder, 'internal', 'it is not a file'],
    [fifo, 'internal', 'it is not a file'],
    ['/dev/zero', 'internal', 'it is not a file'],
    [missing, 'not-found', 'it does not exist'],
  ] as const) {
    await assert.rejects(run('echo never', [first, wrong]), {
      code,
      message: `cannot open ${wrong} for the jail: ${reason}`,
    });
    assert.deepEqual(open(), before, wrong);
  }
  for (const wrong of ['relative', `${directory}/../x`, '']) {
    await assert.rejects(run('echo never', [wrong]), { code: 'invalid-argument' });
  }
  assert.deepEqual(open(), before);
});

test('where the jail cannot be made, or its program not started, it is closed', async () => {
  const state = file('unused', '1');
  await run('true', [state]);
  const { count } = open();
  for (const wrong of [
    { readOnlyPaths: ['/no/such/path'] },
    { argv: ['/usr/bin/no-such-program'] },
  ]) {
    await assert.rejects(run('true', [state], wrong), { code: 'not-found' });
    assert.deepEqual(open().files, []);
  }
  // The jail's own descriptors are closed when its first process is reaped.
  for (let round = 0; round < 200 && open().count > count; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(open().count <= count);
});

test('where descriptors run out between two of them, the first is closed', async () => {
  const files = [file('one', '1'), file('two', '2')];
  await run('true', files);
  const before = open();
  // Room for the input and the first one, which takes three for a moment.
  await withFreeDescriptors(4, () =>
    assert.rejects(run('true', files), {
      code: 'internal',
      message: /^cannot open .*\/two for the jail: EMFILE/,
    }),
  );
  assert.deepEqual(open(), before);
});
