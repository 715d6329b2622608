// What QEMU is allowed on the host, and what the guest's root can reach through it: facts about a live VM.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { before, test } from 'node:test';
import type { Container, Pod } from '../../src/model/pod.js';
import { asGuestRoot, mountCommand, powerful } from './guest-root.js';
import { debian, E2e, installedLibRoot, sh, shOk } from './harness.js';
import {
  argumentsOf,
  descriptorsOf,
  environmentOf,
  mountsOf,
  namespaceOf,
  qemuBelow,
  statusOf,
} from './host-process.js';
import { hostMountsWith } from './leftovers.js';
import { storedTemplate } from './template-files.js';

const e2e = new E2e('jail');
const runtime = e2e.runtime();

// What must never be seen in the guest or in QEMU.
const secret = `canary-${process.pid}-${Date.now()}`;
process.env['VIRTC_TEST_SECRET'] = secret;
const canary = path.join(e2e.scratch, 'canary');
const [readOnly, writable] = [path.join(e2e.scratch, 'ro'), path.join(e2e.scratch, 'rw')];

let pod: Pod;
let box: Container;
let qemu: number;
/** That of its template. */
let memory: string;

before(async () => {
  writeFileSync(canary, secret, { mode: 0o600 });
  for (const directory of [readOnly, writable]) mkdirSync(directory);
  writeFileSync(path.join(readOnly, 'file'), 'unchanged', { mode: 0o600 });
  pod = await runtime.createPod({ id: 'jailed' });
  e2e.cleanup(() => pod.delete({ force: true }));
  box = await pod.createContainer({
    rootfs: debian,
    command: ['sleep', 'infinity'],
    capabilities: [...powerful, 'CAP_CHOWN', 'CAP_FOWNER', 'CAP_FSETID'],
    mounts: [
      { kind: 'bind', source: readOnly, destination: '/ro', readOnly: true },
      { kind: 'bind', source: writable, destination: '/rw' },
    ],
  });
  await box.start();
  qemu = qemuBelow(e2e.vmPid('jailed'));
  assert.equal((await pod.status()).origin, 'clone');
  ({ memory } = storedTemplate(e2e.libRoot));
});

test('QEMU is nobody on the host: unprivileged, four capabilities at most, a filter on its calls', () => {
  const status = statusOf(qemu);
  const ids = new Set([
    ...(status.get('Uid') ?? '').split('\t'),
    ...(status.get('Gid') ?? '').split('\t'),
  ]);
  assert.deepEqual([...ids], ['200000']);
  assert.equal(status.get('Groups'), '');
  assert.equal(status.get('NoNewPrivs'), '1');
  assert.equal(status.get('Seccomp'), '2');
  // chown, dac_override, fowner, fsetid: bits 0, 1, 3, 4.
  const four = 0b11011n;
  for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb']) {
    assert.equal(BigInt(`0x${status.get(set)}`) & ~four, 0n, set);
  }
});

test('QEMU has namespaces of its own', () => {
  for (const kind of ['mnt', 'net', 'ipc', 'uts', 'pid', 'user']) {
    assert.notEqual(namespaceOf(qemu, kind), namespaceOf('self', kind), kind);
  }
});

test('QEMU’s root holds only what it opens, and all but writable shares is read-only', () => {
  const runDirectory = path.join(e2e.runRoot, 'pods/jailed');
  const guestImages = path.join(installedLibRoot, 'guest');
  const allowed = [
    /^\/$/,
    /^\/usr\/(bin|sbin|lib|lib32|lib64|libx32|libexec|share)$/,
    /^\/proc$/,
    /^\/dev(\/(null|urandom|kvm))?$/,
    /^\/etc\/ld\.so\.cache$/,
  ];
  const mounts = mountsOf(qemu);
  for (const { point, options, type } of mounts) {
    const known =
      allowed.some((pattern) => pattern.test(point)) ||
      // The namespace that QEMU enters last, as a file.
      (point === '/user-namespace' && type === 'nsfs') ||
      point === memory ||
      point.startsWith(runDirectory) ||
      point.startsWith(guestImages);
    assert.ok(known, `${point} (${type}) is in QEMU's root`);
    if (type === 'nsfs') continue;
    if (!point.startsWith(`${runDirectory}/share/`) && !point.startsWith('/dev/')) {
      assert.ok(options.includes('ro') || point === '/proc', `${point} is writable`);
    }
    assert.ok(options.includes('nosuid') || point === '/', `${point} allows setuid`);
  }
  assert.ok(mounts.length < 25, `${mounts.length} mounts`);
  const visible = readdirSync(`/proc/${qemu}/root/`);
  assert.deepEqual(
    readdirSync(`/proc/${qemu}/root/etc`).filter((name) => name !== 'ld.so.cache'),
    [],
  );
  for (const name of ['home', 'root', 'tmp', 'boot', 'srv', 'sys', 'mnt']) {
    assert.ok(!visible.includes(name), `/${name} is in QEMU's root`);
  }
});

test('QEMU has the variables that it needs, and no secret in its arguments', () => {
  assert.deepEqual([...environmentOf(qemu)].sort(), ['LD_PRELOAD', 'PATH', 'VIRTC_MEMORY_FILE']);
  assert.ok(!argumentsOf(qemu).join('\n').includes(secret));
});

test('QEMU’s descriptors are its own sockets, the guest image, its template and its shares', () => {
  const allowed = /^(socket:|pipe:|anon_inode:|\/dev\/(null|urandom|kvm)( |$)|\/memfd:)/;
  for (const [fd, target] of descriptorsOf(qemu)) {
    const known =
      allowed.test(target) ||
      target === memory ||
      target.startsWith(installedLibRoot) ||
      target.startsWith(e2e.runRoot);
    assert.ok(known || target === '/', `descriptor ${fd} is ${target}`);
  }
});

test('QEMU has the smallest set of devices and denies itself what it does not need', () => {
  const argv = argumentsOf(qemu);
  const valuesOf = (option: string): string[] =>
    argv.flatMap((argument, index) => (argument === option ? [argv[index + 1] ?? ''] : []));
  assert.ok(argv.includes('-nodefaults'));
  for (const part of [
    'on',
    'obsolete=deny',
    'elevateprivileges=deny',
    'spawn=deny',
    'resourcecontrol=deny',
  ]) {
    assert.ok(valuesOf('-sandbox').join().split(',').includes(part), part);
  }
  const models = valuesOf('-device').map((value) =>
    value.startsWith('{') ? String(JSON.parse(value).driver) : (value.split(',')[0] ?? ''),
  );
  const reviewed =
    /^(virtio-(pmem|9p|rng|balloon|serial)-(pci|device).*|virtserialport|pcie-root-port|isa-serial)$/;
  for (const model of models) assert.match(model, reviewed);
});

test('others can neither see nor enter the pod’s directory and its sockets', () => {
  const directory = path.join(e2e.runRoot, 'pods/jailed');
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(path.join(directory, 'vm')).mode & 0o777, 0o700);
  const sockets: string[] = [];
  for (const name of ['.', 'vm'].flatMap((sub) => filesBelow(directory, sub))) {
    const stats = lstatSync(path.join(directory, name));
    if (stats.isFile()) assert.equal(stats.mode & 0o077, 0, `${name} is readable by others`);
    if (stats.isSocket()) sockets.push(path.join(directory, name));
  }
  assert.ok(sockets.length >= 3, sockets.join());
  for (const socket of sockets) {
    const options = { uid: 65534, gid: 65534, encoding: 'utf8', cwd: '/' } as const;
    const { stdout } = spawnSync(process.execPath, ['-e', connectAndSay, socket], options);
    assert.equal(stdout, 'EACCES\n', socket);
  }
});

function filesBelow(directory: string, sub: string): readonly string[] {
  return readdirSync(path.join(directory, sub)).map((name) => path.join(sub, name));
}

const connectAndSay = `
  const say = (text) => { console.log(text); process.exit(); };
  require('net').connect(process.argv[1]).on('error', (e) => say(e.code)).on('connect', () => say('connected'));`;

test('no mount of the pod is ever seen on the host', async () => {
  const { stdout } = await sh(box, 'cat /ro/file');
  assert.equal(stdout, 'unchanged');
  for (const part of [e2e.runRoot, e2e.scratch]) assert.deepEqual(hostMountsWith(part), []);
});

test('links that the guest makes in a share reach nothing on the host (C13, C15)', async () => {
  const before = statSync(canary);
  const script = `cd /rw; ln -s '${canary}' absolute; ln -s ../canary relative; ln -s /../../../../.. up; ln -s '${e2e.scratch}' directory
    cat absolute relative directory/canary up/'${canary}' 2>/dev/null; ls /rw/../canary 2>/dev/null
    echo overwritten > absolute; echo overwritten > relative; chmod 777 absolute relative; rm -rf directory/ up/; true`;
  const { stdout } = await sh(box, script);
  assert.ok(!stdout.includes(secret), stdout);
  const later = statSync(canary);
  assert.deepEqual(
    [later.ino, later.mtimeMs, later.mode, readFileSync(canary, 'utf8')],
    [before.ino, before.mtimeMs, before.mode, secret],
  );
});

test('device nodes cannot be made in a share, and what can is where its maker is alone (C16)', async () => {
  const { stdout } = await sh(
    box,
    'cd /rw; mknod disk b 8 0 || echo refused; mknod mem c 1 1 || echo refused; cp /bin/true setuid && chmod 4755 setuid; true',
  );
  assert.equal(stdout, 'refused\nrefused\n');
  for (const name of readdirSync(writable)) {
    const stats = lstatSync(path.join(writable, name));
    assert.ok(!stats.isBlockDevice() && !stats.isCharacterDevice(), name);
  }
  assert.equal(statSync(e2e.scratch).mode & 0o077, 0, 'nobody else reaches the setuid file');
});

test('read-only holds against the guest’s root, also after it has mounted again (C17)', async () => {
  const MS_REMOUNT_BIND = 32 | 4096;
  const remount = mountCommand({ type: 'none', target: '/ro', flags: MS_REMOUNT_BIND });
  await shOk(box, remount);
  const inContainer = await sh(box, 'echo no > /ro/file; rm /ro/file; chmod 777 /ro/file');
  assert.equal(inContainer.stderr.match(/Read-only file system/g)?.length, 3);
  const seen = await asGuestRoot(
    box,
    `grep ' 9p ' /proc/mounts | cut -d' ' -f2 | while read -r m; do
       mount -o remount,rw "$m"
       touch "$m/evil" && echo "EVIL touch $m"; mkdir "$m/evil.d" && echo "EVIL mkdir $m"
       for sub in "$m"/*; do mv "$sub" "$sub.moved" && echo "EVIL mv $sub"; done
     done
     mount -o remount,rw "$ROOT/ro"; echo no > "$ROOT/ro/file" && echo EVIL write
     echo done`,
  );
  assert.match(seen, /done\n?$/);
  assert.doesNotMatch(seen, /EVIL/);
  const stats = statSync(path.join(readOnly, 'file'));
  assert.deepEqual(
    [readFileSync(path.join(readOnly, 'file'), 'utf8'), stats.mode & 0o777],
    ['unchanged', 0o600],
  );
  assert.deepEqual(readdirSync(readOnly), ['file']);
});

test('the guest’s root cannot change the image that every VM boots from (C18)', async () => {
  const images = path.join(installedLibRoot, 'guest');
  const before = await hashes(images);
  const seen = await asGuestRoot(
    box,
    `for disk in /dev/pmem?; do
       dd if=/dev/zero of=$disk bs=4096 count=16 && echo "EVIL $disk"
       # What the kernel then takes for written, the host has dropped.
       # A clone is never told that something is on disk: QEMU saves nothing of virtio-pmem, so its queue is lost.
       blockdev --setrw $disk; dd if=/dev/zero of=$disk bs=4096 count=16 oflag=direct && echo tried $disk
     done; mount -o remount,rw / && touch /evil && echo EVIL root`,
  );
  assert.match(seen, /tried \/dev\/pmem0\n/);
  assert.doesNotMatch(seen, /EVIL/);
  assert.deepEqual(await hashes(images), before);
});

/** The hash of every image file of some size: kernel, initramfs, root image. */
async function hashes(directory: string): Promise<Readonly<Record<string, string>>> {
  const result: Record<string, string> = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(directory, name);
    const isImageFile = !name.startsWith('parts') && lstatSync(file).isFile();
    if (!isImageFile || !/vmlinux|initrd|root\.erofs/.test(path.basename(name))) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    result[name] = hash.digest('hex');
  }
  assert.ok(Object.keys(result).length >= 3, Object.keys(result).join());
  return result;
}

test('a directory that the guest has replaced by a link is not followed when the pod goes (C13)', async () => {
  const tree = path.join(writable, 'tree');
  mkdirSync(tree);
  const container = await pod.createContainer({
    rootfs: debian,
    command: ['sleep', 'infinity'],
    mounts: [{ kind: 'bind', source: tree, destination: '/tree' }],
  });
  await container.start();
  await shOk(box, `mv /rw/tree /rw/gone; ln -s '${e2e.scratch}' /rw/tree`);
  await container.delete({ force: true });
  assert.equal(readFileSync(canary, 'utf8'), secret);
  assert.equal(readFileSync(path.join(readOnly, 'file'), 'utf8'), 'unchanged');
  const other = pod.createContainer({
    rootfs: debian,
    command: ['true'],
    mounts: [{ kind: 'bind', source: path.join(writable, 'gone'), destination: '/tree' }],
  });
  await (await other).delete();
});
