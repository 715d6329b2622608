// Tests of templates as files: modes, damage by kind, time, what dead builders left, links and foreign things.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { jailUserId } from '../../base/namespaces/jail-spec.js';
import { FileTemplates } from './file-templates.js';
import type { Template, TemplateBuild } from './templates.js';
import { begin, sampleFacts, sampleKey, testTemplates } from './templates.suite.js';

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'virtc-templates-'));
after(() => fs.rmSync(scratch, { recursive: true }));
let count = 0;
const freshRoot = (): string => path.join(scratch, String(count++));
const key = sampleKey();
const noReason = (reason: string): void => assert.fail(`it counts as damaged: ${reason}`);

const memoryBytes = 8 * 1024 * 1024;
const stateBytes = 300_000;

async function fill(build: TemplateBuild): Promise<void> {
  fs.writeFileSync(path.join(build.scratch, 'console.log'), 'booted');
  fs.writeFileSync(build.files.memory, 'the memory', { mode: 0o644 });
  fs.truncateSync(build.files.memory, memoryBytes);
  fs.writeFileSync(build.files.state, Buffer.alloc(stateBytes, 'state'), { mode: 0o644 });
}

async function make(templates: FileTemplates, of = key): Promise<Template> {
  const build = await begin(templates, of);
  await fill(build);
  return build.commit(sampleFacts);
}

/** A clock that tests can set. */
function fakeClock() {
  const clock = { ms: Date.parse('2025-01-01T00:00:00.000Z'), now: () => clock.ms };
  return clock;
}

testTemplates('FileTemplates', async () => {
  const root = freshRoot();
  return {
    templates: new FileTemplates({ root }),
    other: new FileTemplates({ root }),
    fill,
    damage: async ({ state }) => fs.truncateSync(state, 10),
    dispose: async () => {
      // Nothing is left by any of the tests.
      if (fs.existsSync(root)) assert.deepEqual(fs.readdirSync(root), []);
    },
  };
});

test('directories are 0700, files 0600, and only the memory belongs to the jail’s user, whatever the umask', async () => {
  const umask = process.umask(0);
  try {
    const root = path.join(freshRoot(), 'lib', 'templates');
    const templates = new FileTemplates({ root });
    const build = await begin(templates, key);
    await fill(build);
    const place = path.join(root, key.id);
    const uid = process.geteuid?.() ?? 0;
    const facts = (file: string) => {
      const stat = fs.lstatSync(file);
      return { mode: stat.mode & 0o7777, uid: stat.uid };
    };
    const directories = [path.dirname(root), root, place, build.files.directory];
    for (const directory of [...directories, build.scratch]) {
      assert.deepEqual(facts(directory), { mode: 0o700, uid }, directory);
    }
    // As a jail leaves it.
    if (uid === 0) fs.chownSync(build.files.directory, jailUserId, jailUserId);
    fs.chmodSync(build.files.directory, 0o777);
    fs.writeFileSync(path.join(build.files.directory, 'more'), '');
    const { directory, memory, state } = await build.commit(sampleFacts);
    for (const made of directories) assert.deepEqual(facts(made), { mode: 0o700, uid }, made);
    for (const file of [state, path.join(place, 'lock'), path.join(place, 'manifest.json')]) {
      assert.deepEqual(facts(file), { mode: 0o600, uid }, file);
    }
    assert.deepEqual(facts(memory), { mode: 0o600, uid: uid === 0 ? jailUserId : uid });
    assert.deepEqual(fs.readdirSync(directory).sort(), ['memory', 'state']);
    assert.deepEqual(fs.readdirSync(place).sort(), [
      path.basename(directory),
      'lock',
      'manifest.json',
    ]);
  } finally {
    process.umask(umask);
  }
});

test('its size is what it takes on disk, without holes', async () => {
  const templates = new FileTemplates({ root: freshRoot() });
  await make(templates);
  const [listed] = await templates.list();
  assert.ok(listed !== undefined && listed.sizeBytes >= stateBytes, `${listed?.sizeBytes}`);
  assert.ok(listed.sizeBytes < memoryBytes / 2, `${listed.sizeBytes}`);
});

/** The same bytes in the same file or a new one, with the same times as far as anybody can set them. */
function rewrite(file: string, how: 'in place' | 'as a copy'): void {
  const { atime, mtime } = fs.statSync(file);
  const content = fs.readFileSync(file);
  content[5] = (content[5] ?? 0) ^ 1;
  if (how === 'in place') fs.writeFileSync(file, content, { flag: 'r+' });
  else {
    fs.writeFileSync(`${file}.new`, content);
    fs.renameSync(`${file}.new`, file);
  }
  fs.utimesSync(file, atime, mtime);
}

const damages: readonly [string, (template: Template) => void, RegExp][] = [
  ['memory that is gone', ({ memory }) => fs.rmSync(memory), /\/memory: it does not exist$/],
  [
    'memory that is shorter',
    ({ memory }) => fs.truncateSync(memory, memoryBytes - 1),
    /\/memory: its size is 8388607, not 8388608$/,
  ],
  [
    'memory that was written to, its time put back',
    ({ memory }) => rewrite(memory, 'in place'),
    /\/memory: its time of (modification|change) is \d+, not \d+$/,
  ],
  [
    'memory that was written to through a mapping',
    ({ memory }) => {
      const code = `import mmap
with open(${JSON.stringify(memory)}, 'r+b') as f:
    mmap.mmap(f.fileno(), 4096)[0:1] = b'X'`;
      const { status, stderr } = spawnSync('python3', ['-c', code], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    },
    /\/memory: its time of modification is/,
  ],
  [
    'memory that is another file',
    ({ memory }) => rewrite(memory, 'as a copy'),
    /\/memory: its inode is \d+, not \d+$/,
  ],
  [
    'memory that another user may open',
    ({ memory }) => fs.chmodSync(memory, 0o666),
    /\/memory: its time of change is/,
  ],
  [
    'memory that is a link',
    ({ memory }) => {
      fs.renameSync(memory, `${memory}.real`);
      fs.symlinkSync(`${memory}.real`, memory);
    },
    /\/memory: it is not a regular file$/,
  ],
  ['a state that is gone', ({ state }) => fs.rmSync(state), /\/state: it does not exist$/],
  [
    'a state that is shorter',
    ({ state }) => fs.truncateSync(state, 1000),
    /\/state: its size is 1000, not 300000$/,
  ],
  ['an empty state', ({ state }) => fs.truncateSync(state), /\/state: its size is 0, not 300000$/],
  [
    'a state of which one bit is another',
    ({ state }) => rewrite(state, 'in place'),
    /\/state: its sha256 is [0-9a-f]{64}, not [0-9a-f]{64}$/,
  ],
  [
    'a state that is huge',
    ({ state }) => fs.truncateSync(state, 2 ** 40),
    /\/state: it has 1099511627776 bytes$/,
  ],
  [
    'a state that is a pipe',
    ({ state }) => {
      fs.rmSync(state);
      assert.equal(spawnSync('mkfifo', [state]).status, 0);
    },
    /\/state: it is not a regular file$/,
  ],
  [
    'a state that is a link',
    ({ state }) => {
      fs.rmSync(state);
      fs.symlinkSync('/etc/hostname', state);
    },
    /\/state: it is a link$/,
  ],
  [
    'no files',
    ({ directory }) => fs.rmSync(directory, { recursive: true }),
    /\/memory: it does not exist$/,
  ],
  [
    'a directory that others may write to',
    ({ directory }) => fs.chmodSync(path.dirname(directory), 0o777),
    /others than its owner may write to/,
  ],
];
for (const [what, damage, reason] of damages) {
  test(`a template with ${what} counts as none, says so, and is made anew`, async () => {
    const root = freshRoot();
    const templates = new FileTemplates({ root });
    const made = await make(templates);
    // The kernel tells changes apart that are a few milliseconds from each other.
    await sleep(20);
    damage(made);
    const reasons: string[] = [];
    assert.equal(await templates.find(key, (found) => reasons.push(found)), null);
    assert.match(reasons.join('\n'), reason);
    assert.ok(reasons[0]?.includes(path.join(root, key.id)), reasons[0]);
    const [listed] = await templates.list();
    assert.equal(listed?.problem, reasons[0]);
    assert.equal(listed?.qemuVersion, sampleFacts.qemuVersion);
    if (what === 'a directory that others may write to') {
      await assert.rejects(templates.begin(key), {
        code: 'internal',
        message: /^cannot build template a+: others than its owner may write to/,
      });
    } else {
      const again = await make(templates);
      assert.deepEqual(await templates.find(key, noReason), again);
    }
    await templates.remove(key.id);
    assert.deepEqual(fs.readdirSync(root), []);
  });
}

type Changes = Record<string, unknown>;
const change = (changes: Changes) => (text: string) =>
  JSON.stringify({ ...(JSON.parse(text) as object), ...changes });
const manifests: readonly [string, (text: string) => string, RegExp][] = [
  ['nothing', () => '', /it is empty$/],
  ['half of it', (text) => text.slice(0, text.length / 2), /it is not JSON: /],
  ['binary', () => '\0\u001b[2J', /it is not JSON: [^\p{Cc}]*$/u],
  ['a list', () => '[]', /manifest is not an object$/],
  ['a newer format', change({ format: 2, state: 1 }), /its format is 2, this version .* reads 1$/],
  ['no format', change({ format: undefined }), /manifest\.format is missing$/],
  ['another template', change({ id: 'b'.repeat(32) }), /it is of template "b{32}"$/],
  ['another image', change({ guestImage: 'x' }), /its guestImage is "x", not "0123456789abcdef"$/],
  ['another size', change({ memoryMiB: 256 }), /its memoryMiB is 256, not 512$/],
  [
    'a way out',
    change({ generation: '../../etc' }),
    /manifest\.generation is not the name of a generation$/,
  ],
  ['no hash', change({ state: { sizeBytes: 1 } }), /manifest\.state\.sha256 is missing$/],
];
for (const [what, damage, reason] of manifests) {
  test(`a manifest with ${what} is explained, and the template made anew`, async () => {
    const root = freshRoot();
    const templates = new FileTemplates({ root });
    await make(templates);
    const file = path.join(root, key.id, 'manifest.json');
    fs.writeFileSync(file, damage(fs.readFileSync(file, 'utf8')));
    const reasons: string[] = [];
    assert.equal(await templates.find(key, (found) => reasons.push(found)), null);
    assert.match(reasons.join('\n'), reason);
    const [listed] = await templates.list();
    // Of another kind it is whole, only not what was asked for.
    if (/another (image|size)/.test(what)) assert.equal(listed?.problem, null);
    else {
      assert.equal(listed?.problem, `${file}: ${reasons[0]?.replace(`${file}: `, '')}`);
      assert.equal(listed?.qemuVersion, null);
      assert.equal(listed?.createdAt, null);
    }
    const again = await make(templates);
    assert.deepEqual(await templates.find(key, noReason), again);
    assert.equal(
      fs.readdirSync(path.join(root, key.id)).length,
      /another (image|size)/.test(what) ? 4 : 3,
    );
    await templates.remove(key.id);
    assert.deepEqual(fs.readdirSync(root), []);
  });
}

for (const [what, put] of [
  ['a link', (file: string) => fs.symlinkSync('/etc/hostname', file)],
  ['a directory', (file: string) => fs.mkdirSync(path.join(file, 'x'), { recursive: true })],
  ['a pipe', (file: string) => assert.equal(spawnSync('mkfifo', [file]).status, 0)],
] as const) {
  for (const name of ['manifest.json', 'lock', 'manifest.json.new']) {
    test(`${what} in place of ${name} hinders neither a look nor a new build nor the removal`, async () => {
      const root = freshRoot();
      const templates = new FileTemplates({ root });
      const spoil = (): void => {
        const file = path.join(root, key.id, name);
        fs.rmSync(file, { force: true, recursive: true });
        put(file);
      };
      await make(templates);
      spoil();
      const reasons: string[] = [];
      await templates.find(key, (reason) => reasons.push(reason));
      assert.equal(reasons.length, name === 'manifest.json' ? 1 : 0);
      for (const reason of reasons)
        assert.ok(reason.includes(path.join(root, key.id, name)), reason);
      await templates.waitForBuilder(key, AbortSignal.timeout(10_000));
      const [listed, ...more] = await templates.list();
      assert.deepEqual([listed?.problem, more], [reasons[0] ?? null, []]);
      const made = await make(templates);
      assert.deepEqual(await templates.find(key, noReason), made);
      spoil();
      await templates.remove(key.id);
      assert.deepEqual(fs.readdirSync(root), []);
    });
  }
}

test('what a clone does with the memory is no damage, nor is another place of the whole', async () => {
  const root = freshRoot();
  const { memory } = await make(new FileTemplates({ root }));
  const code = `import mmap
f = open(${JSON.stringify(memory)}, 'rb')
m = mmap.mmap(f.fileno(), ${memoryBytes}, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for i in range(0, ${memoryBytes}, 4096): m[i:i+4] = b'mine'`;
  const { status, stderr } = spawnSync('python3', ['-c', code], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(fs.readFileSync(memory, 'utf8').slice(0, 10), 'the memory');
  fs.renameSync(root, `${root}-moved`);
  const moved = new FileTemplates({ root: `${root}-moved` });
  assert.notEqual(await moved.find(key, noReason), null);
});

test('a use is noted, to a minute, and never in the files that are checked', async () => {
  const clock = fakeClock();
  const root = freshRoot();
  await make(new FileTemplates({ root }));
  const templates = new FileTemplates({ root, now: clock.now });
  const lastUsedAt = async () => (await templates.list())[0]?.lastUsedAt;
  clock.ms = Date.now() + 59_000;
  await templates.find(key, noReason);
  assert.ok(Date.parse((await lastUsedAt()) ?? '') < clock.ms - 50_000);
  for (const ms of [Date.now() + 3_600_000, Date.now() - 3_600_000]) {
    clock.ms = ms;
    assert.notEqual(await templates.find(key, noReason), null);
    const noted = Date.parse((await lastUsedAt()) ?? '');
    assert.ok(Math.abs(noted - ms) <= 1, `${noted} is not ${ms}`);
  }
});

test('files that were just given out stay for a minute after they are replaced, others go at once', async () => {
  const clock = fakeClock();
  const root = freshRoot();
  const templates = new FileTemplates({ root, now: clock.now });
  const generations = (): readonly string[] =>
    fs.readdirSync(path.join(root, key.id)).filter((name) => name.startsWith('gen-'));
  const makeNow = async () => {
    const made = await make(templates);
    // The kernel's clock wrote the manifest.
    const seconds = clock.ms / 1000;
    fs.utimesSync(path.join(root, key.id, 'manifest.json'), seconds, seconds);
    return made;
  };
  await makeNow();
  clock.ms += 3_600_000;
  await makeNow();
  assert.equal(generations().length, 1, 'nobody uses it');

  clock.ms += 3_600_000;
  const given = await templates.find(key, noReason);
  assert.ok(given !== null);
  await makeNow();
  await templates.list();
  await (await begin(templates, key)).abandon();
  assert.ok(fs.existsSync(given.memory));
  clock.ms += 59_000;
  await templates.list();
  assert.ok(fs.existsSync(given.memory));
  clock.ms += 2_000;
  await templates.list();
  assert.equal(generations().length, 1);

  const last = await templates.find(key, noReason);
  clock.ms += 30_000;
  await makeNow();
  await makeNow();
  assert.ok(!fs.existsSync(last?.memory ?? ''), 'two builds later it is gone');
  await templates.remove(key.id);
});

test('what dead builders left is removed by the next builder and by a list, but nothing of a living one', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  const place = path.join(root, key.id);
  const leave = (): void => {
    for (const name of ['gen-0123456789abcdef', 'scratch-0123456789abcdef']) {
      fs.mkdirSync(path.join(place, name), { recursive: true, mode: 0o700 });
      fs.writeFileSync(path.join(place, name, 'memory'), 'half');
    }
    fs.writeFileSync(path.join(place, 'manifest.json.new'), '{');
    fs.mkdirSync(path.join(root, '.gone-0123456789abcdef'));
    fs.writeFileSync(path.join(root, '.gone-0123456789abcdef', 'memory'), 'half');
  };
  fs.mkdirSync(root, { mode: 0o700 });
  leave();
  assert.deepEqual(await templates.list(), []);
  assert.deepEqual(fs.readdirSync(root), []);

  leave();
  const build = await begin(templates, key);
  assert.equal(fs.readdirSync(place).length, 3);
  await fill(build);
  await templates.list();
  await build.commit(sampleFacts);
  assert.deepEqual(fs.readdirSync(root), [key.id]);
  leave();
  assert.equal((await templates.list()).length, 1);
  assert.equal(fs.readdirSync(place).length, 3);
  leave();
  await (await begin(templates, key)).abandon();
  assert.deepEqual(fs.readdirSync(root), [key.id]);
  assert.equal(fs.readdirSync(place).length, 3);
  assert.notEqual(await templates.find(key, noReason), null);
});

test('what is no template is neither listed nor touched', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  await make(templates);
  fs.writeFileSync(path.join(root, 'README'), '');
  fs.mkdirSync(path.join(root, 'lost+found'));
  fs.writeFileSync(path.join(root, 'b'.repeat(32)), '');
  fs.symlinkSync(key.id, path.join(root, 'c'.repeat(32)));
  const unknown = path.join(root, 'd'.repeat(32));
  fs.mkdirSync(unknown, { mode: 0o700 });
  fs.writeFileSync(path.join(unknown, 'manifest.cbor'), 'newer');
  const listed = await templates.list();
  assert.deepEqual(
    listed.map(({ id, problem }) => [id, problem]),
    [
      [key.id, null],
      ['d'.repeat(32), 'it has no manifest'],
    ],
  );
  assert.ok(fs.existsSync(path.join(unknown, 'manifest.cbor')));
  for (const digit of ['b', 'c']) {
    const reasons: string[] = [];
    assert.equal(await templates.find(sampleKey(digit), (reason) => reasons.push(reason)), null);
    assert.match(reasons.join('\n'), /is no directory$/);
    await assert.rejects(templates.begin(sampleKey(digit)), { code: 'internal' });
    await templates.remove(digit.repeat(32));
  }
  await templates.remove('d'.repeat(32));
  assert.deepEqual(fs.readdirSync(root).sort(), ['README', key.id, 'lost+found'].sort());
  assert.notEqual(await templates.find(key, noReason), null);
});

test('a root that others may write to, or that is no directory, is not used', async () => {
  const open = freshRoot();
  await make(new FileTemplates({ root: open }));
  fs.chmodSync(open, 0o777);
  const file = freshRoot();
  fs.writeFileSync(file, '');
  const link = freshRoot();
  fs.symlinkSync(open, link);
  for (const root of [open, file, link]) {
    const templates = new FileTemplates({ root });
    const reasons: string[] = [];
    assert.equal(await templates.find(key, (reason) => reasons.push(reason)), null);
    assert.match(reasons.join('\n'), /others than its owner may write to|is no directory/);
    await assert.rejects(templates.begin(key), {
      code: 'internal',
      message: /^cannot build template a+: /,
    });
  }
  await assert.rejects(new FileTemplates({ root: file }).list(), {
    code: 'internal',
    message: /^cannot list templates in .*: ENOTDIR/,
  });
});

test('removing and sweeping follow no link', async () => {
  const root = freshRoot();
  const outside = freshRoot();
  fs.mkdirSync(outside);
  fs.writeFileSync(path.join(outside, 'canary'), 'alive');
  const templates = new FileTemplates({ root });
  const { directory } = await make(templates);
  const place = path.dirname(directory);
  for (const link of [
    path.join(directory, 'link'),
    path.join(place, 'gen-0123456789abcdef'),
    path.join(root, '.gone-0123456789abcdef'),
    path.join(root, 'b'.repeat(32)),
  ]) {
    fs.symlinkSync(outside, link);
  }
  fs.linkSync(path.join(outside, 'canary'), path.join(directory, 'hard'));
  await templates.list();
  await templates.remove('b'.repeat(32));
  await templates.remove(key.id);
  assert.deepEqual(fs.readdirSync(root), []);
  assert.deepEqual(fs.readdirSync(outside), ['canary']);
  assert.equal(fs.readFileSync(path.join(outside, 'canary'), 'utf8'), 'alive');
});

test('a builder that made no memory or no state has made nothing', async () => {
  const root = freshRoot();
  const templates = new FileTemplates({ root });
  const spoils: readonly [(build: TemplateBuild) => void, RegExp][] = [
    [({ files }) => fs.rmSync(files.memory), /ENOENT.*\/memory'$/],
    [({ files }) => fs.truncateSync(files.state), /\/state is empty$/],
    [
      ({ files }) => {
        fs.rmSync(files.memory);
        fs.symlinkSync('/etc/hostname', files.memory);
      },
      /ELOOP/,
    ],
    [({ files }) => fs.rmSync(files.directory, { recursive: true }), /ENOENT/],
  ];
  for (const [spoil, message] of spoils) {
    const build = await begin(templates, key);
    await fill(build);
    spoil(build);
    await assert.rejects(build.commit(sampleFacts), (error: Error & { code: string }) => {
      assert.equal(error.code, 'internal');
      assert.match(error.message, /^cannot save template a+: /);
      assert.match(error.message, message);
      return true;
    });
    await build.abandon();
    assert.deepEqual(fs.readdirSync(root), []);
  }
});

test('places of other roots have other names, and one root always the same', () => {
  const [one, same, other] = ['/lib/a/templates', '/lib/./a/templates', '/lib/b/templates'].map(
    (root) => new FileTemplates({ root }).placeId,
  );
  assert.match(one ?? '', /^[0-9a-f]{8}$/);
  assert.equal(same, one);
  assert.notEqual(other, one);
});
