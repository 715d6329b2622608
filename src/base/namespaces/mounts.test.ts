// Tests of late mounts: into a running jail, from another process, and along hostile paths.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type JailedProcess, spawnInJail } from './jail.js';
import {
  attachMount,
  canMapIds,
  cloneTree,
  detachMount,
  idmapUserNamespace,
  needsMappedIds,
} from './mounts.js';

let directory = '';
let root = '';
let source = '';
let jailed: JailedProcess;
const awake = setInterval(() => {}, 1000);

/** Runs a line in the jailed shell and gives what it prints. */
async function ask(line: string): Promise<string> {
  // Whole at once: the shell must not read a half.
  writeFileSync(path.join(directory, 'ask', 'next'), `${line}\n`);
  renameSync(path.join(directory, 'ask', 'next'), path.join(directory, 'ask', 'line'));
  const [answer] = (await once(jailed.stderr, 'data')) as [Buffer];
  return answer.toString();
}

// A shell that waits for lines in a file: it stays in the jail while mounts come and go.
const loop = `cd "$1"; while :; do
  if test -e line; then out=$(. ./line 2>&1); rm line; echo "[$out]"; fi; sleep 0.01; done`;

before(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'mounts-test-'));
  chmodSync(directory, 0o755);
  root = path.join(directory, 'export');
  source = path.join(directory, 'source');
  for (const name of ['ask', 'export', 'export/a', 'export/dir', 'source']) {
    mkdirSync(path.join(directory, name));
  }
  writeFileSync(path.join(root, 'file'), '');
  symlinkSync('/usr', path.join(root, 'link'));
  symlinkSync('a', path.join(root, 'inner'));
  writeFileSync(path.join(source, 'text'), 'secret of root', { mode: 0o600 });
  const ask = path.join(directory, 'ask');
  jailed = await spawnInJail({
    argv: ['/usr/bin/sh', '-c', loop, 'sh', ask],
    env: { PATH: '/usr/bin' },
    readOnlyPaths: [],
    writablePaths: [ask],
    exports: [root],
    devices: ['null'],
    needsFileCapabilities: true,
  });
});
after(async () => {
  jailed.kill('SIGKILL');
  await jailed.exited;
  clearInterval(awake);
  rmSync(directory, { recursive: true, force: true });
});

async function attach(
  place: string,
  options: { readonly from?: string; readonly readOnly?: boolean; readonly pid?: number } = {},
): Promise<void> {
  const mountFd = cloneTree({
    path: options.from ?? source,
    readOnly: options.readOnly ?? false,
    executable: false,
    recursive: true,
    userNamespaceFd: await idmapUserNamespace(),
  });
  try {
    await attachMount({ pid: options.pid ?? jailed.pid, mountFd, root, path: place });
  } finally {
    closeSync(mountFd);
  }
}

const detach = (place: string): Promise<void> =>
  detachMount({ pid: jailed.pid, root, path: place });

const mountinfo = (pid: number | string): string => readFileSync(`/proc/${pid}/mountinfo`, 'utf8');

test('a directory is there at once, with root’s files, and gone when detached', async () => {
  const [host, jail] = [mountinfo('self'), mountinfo(jailed.pid)];
  await attach('dir');
  assert.equal(mountinfo('self'), host);
  assert.match(mountinfo(jailed.pid), /export\/dir rw,nosuid,nodev,noexec,relatime,?\S* - /);
  const line = `cd ${root}/dir; cat text; stat -c %u text; mkdir made; chown 5:6 made; chmod 2775 made`;
  assert.equal(await ask(line), '[secret of root0]\n');
  const made = statSync(path.join(source, 'made'));
  assert.deepEqual([made.uid, made.gid, made.mode & 0o7777], [5, 6, 0o2775]);
  await detach('dir');
  assert.equal(mountinfo(jailed.pid), jail);
  assert.equal(await ask(`ls ${root}/dir`), '[]\n');
});

test('files of every mapped user can be read and written, those of others cannot', async () => {
  for (const [name, id] of [
    ['mapped', 65_534],
    ['beyond', 70_000],
  ] as const) {
    writeFileSync(path.join(source, name), name, { mode: 0o600 });
    chownSync(path.join(source, name), id, id);
  }
  await attach('dir');
  const answer = await ask(`cd ${root}/dir; cat mapped; cat beyond; chown 70000 mapped`);
  await detach('dir');
  assert.match(answer, /^\[mapped.*beyond: Permission denied.*(Invalid argument|too large)/s);
});

test('a file can be attached and detached', async () => {
  await attach('file', { from: path.join(source, 'text'), readOnly: true });
  assert.equal(
    await ask(`cat ${root}/file; (echo x > ${root}/file) 2>&- || echo no`),
    '[secret of rootno]\n',
  );
  await detach('file');
  assert.equal(await ask(`cat ${root}/file`), '[]\n');
});

test('each mount carries its own flag, read-only or not, below one export', async () => {
  await attach('a', { readOnly: true });
  await attach('dir');
  const attempts = [
    'echo > new',
    'mkdir new',
    'ln -s x new',
    'chmod 777 text',
    'rm -f text',
    'touch text',
  ];
  const line = attempts.map((attempt) => `(${attempt}) 2>&- && echo "${attempt}"`).join('; ');
  assert.equal(await ask(`cd ${root}/a; ${line}`), '[]\n');
  assert.equal(await ask(`cd ${root}/dir; echo > new && rm new && echo ok`), '[ok]\n');
  await detach('a');
  await detach('dir');
});

test('a mount that is in use can be detached, and detaching twice is no error', async () => {
  await attach('dir');
  const holding = await ask(`sleep 60 < ${root}/dir/text >&- 2>&- & echo $!`);
  await detach('dir');
  await detach('dir');
  await detach('no-such-place');
  await ask(`kill ${holding.replace(/\D/g, '')}`);
});

test('links and ways out of the root are refused, and nothing is mounted', async () => {
  const before = mountinfo(jailed.pid);
  const hostile = [
    ['link', 'ELOOP'],
    ['link/local', 'ELOOP'],
    ['inner', 'ELOOP'],
    ['a/../link', 'ELOOP'],
    ['..', 'EXDEV'],
    ['a/../../source', 'EXDEV'],
    ['/usr', 'EXDEV'],
  ] as const;
  for (const [place, errno] of hostile) {
    const expected = { code: 'invalid-argument', details: { errno } };
    await assert.rejects(attach(place), expected, `attach ${place}`);
  }
  for (const place of [
    'link/local',
    '../source',
    'a/../../source',
    '/usr',
    '..',
    '.',
    'a/..',
    '',
  ]) {
    await assert.rejects(detach(place), { code: 'invalid-argument' }, `detach ${place}`);
  }
  // A link as the last part is not followed either: it is no mount.
  await detach('link');
  assert.equal(mountinfo(jailed.pid), before);
  assert.equal(existsSync(path.join(source, 'made')), true);
});

test('a process that has ended, and one in no jail, are refused', async () => {
  await assert.rejects(attach('a', { pid: 2 ** 22 - 1 }), { code: 'unavailable' });
  const before = mountinfo('self');
  await assert.rejects(attach('a', { pid: process.pid }), {
    code: 'invalid-state',
    message: `cannot attach mount ${root}/a: process ${process.pid} is in no jail`,
  });
  assert.equal(mountinfo('self'), before);
});

test('a jail tells from its first moment on whether ids must be mapped', async () => {
  const spec = {
    argv: ['/usr/bin/sleep', '60'],
    env: {},
    readOnlyPaths: [],
    writablePaths: [],
    exports: [],
    devices: ['null'],
    needsFileCapabilities: true,
  } as const;
  for (const [sources, expected] of [
    [['/'], true],
    [['/proc'], false],
  ] as const) {
    const process = await spawnInJail({ ...spec, sources });
    assert.equal(needsMappedIds(process.pid), expected);
    process.kill('SIGKILL');
    await process.exited;
    assert.throws(() => needsMappedIds(process.pid), { code: 'unavailable' });
  }
});

test('another process attaches and detaches as well', async () => {
  const url = new URL('./mounts.js', import.meta.url).href;
  const script = `import { attachMount, cloneTree, detachMount, idmapUserNamespace } from ${JSON.stringify(url)};
    const place = ${JSON.stringify({ root, path: 'dir' })};
    const pid = ${jailed.pid};
    if (process.argv[1] === 'detach') await detachMount({ pid, ...place });
    else await attachMount({ pid, ...place, mountFd: cloneTree({ path: ${JSON.stringify(source)}, readOnly: false,
      executable: false, recursive: true, userNamespaceFd: await idmapUserNamespace() }) });`;
  const other = async (verb: string): Promise<void> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, verb], {
      stdio: 'inherit',
    });
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  };
  await other('attach');
  assert.equal(await ask(`cat ${root}/dir/text`), '[secret of root]\n');
  await other('detach');
  assert.equal(await ask(`ls ${root}/dir`), '[]\n');
});

test('whether ids can be mapped depends on the file system', async () => {
  const fd = await idmapUserNamespace();
  assert.equal(canMapIds(directory, fd), true);
  assert.equal(canMapIds('/proc', fd), false);
  assert.throws(() => canMapIds('/no/such/path', fd), { code: 'ENOENT' });
});
