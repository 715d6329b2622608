// Pods as clones of one template: each is its own, none changes or reads what they share, and they grow and shrink as pods that have booted.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { sleep } from '../../src/base/deadline.js';
import type { Warning } from '../../src/model/warning.js';
import { clockBoundMs, clockErrorMs, clockProgram } from './guest-clock.js';
import { asGuestRoot, powerful } from './guest-root.js';
import { debian, E2e, shOk, until } from './harness.js';
import { descriptorsOf, qemuBelow } from './host-process.js';
import { inJail } from './in-jail.js';
import { makeSmallRoot } from './small-root.js';
import { fingerprint, putBack, storedTemplate, textsIn } from './template-files.js';

const e2e = new E2e('clones');
const warnings: Warning[] = [];
const runtime = e2e.runtime({ onWarning: (warning) => warnings.push(warning) });

const clones = 20;
/** As many as small machines can hold and answer in time. */
const atOnce = 5;
/** What pods have written in their memory: none of it may ever be in a template. */
const markers: string[] = [];

before(async () => {
  await runtime.templates.build();
});

test(`${clones} clones have nothing in common that is random, their own names and the right time, and leave the template as it was`, async () => {
  const template = storedTemplate(e2e.libRoot);
  const before = await fingerprint(template);
  for (const directory of template.directories) {
    const { mode, uid } = statSync(directory);
    assert.deepEqual([(mode & 0o777).toString(8), uid], ['700', 0], directory);
  }
  for (const line of before) assert.match(line, / 100600 /);

  const ids = Array.from({ length: clones }, (_, index) => `own-${index}`);
  const identities: Readonly<Record<string, string>>[] = [];
  while (ids.length > 0) {
    identities.push(...(await Promise.all(ids.splice(0, atOnce).map(lookAtClone))));
  }
  const names = Object.keys(identities[0] ?? {});
  assert.equal(names.length, 11);
  for (const name of names) {
    const values = identities.map((identity) => identity[name] ?? '');
    assert.ok(
      values.every((value) => value.length >= 5),
      `${name}: ${values.join()}`,
    );
    assert.equal(new Set(values).size, clones, `${name}: ${values.join()}`);
  }
  assert.deepEqual(await fingerprint(template), before);
  assert.deepEqual(warnings, []);
  await e2e.assertNothingLeft();
});

/** Makes a clone, checks its clock, and tells what makes it its own. */
async function lookAtClone(id: string): Promise<Readonly<Record<string, string>>> {
  const marker = freshMarker();
  await using pod = await runtime.createPod({ id });
  assert.equal((await pod.status()).origin, 'clone');
  const box = await pod.createContainer({
    rootfs: debian,
    command: ['python3', '-c', identityProgram],
    env: { MARKER: marker },
    capabilities: powerful,
    stdin: true,
  });
  await box.start();
  const lines = box.lines();
  const { value } = await lines.next();
  const inside = JSON.parse(String(value)) as Readonly<Record<string, string>>;
  assert.equal(inside['hostname'], id);
  const clock = await clockErrorMs(box, lines);
  const setting = pod.timings.find(({ step }) => step === 'personalize');
  const allowedMs = clockBoundMs(setting?.durationMs ?? 0);
  assert.ok(clock.errorMs < allowedMs, `${id}: its clock is off: ${JSON.stringify(clock)}`);
  if (Number(id.split('-')[1]) % atOnce === 0) {
    await pod.pause();
    await sleep(1000);
    const begun = performance.now();
    await pod.resume();
    const laterMs = clockBoundMs(performance.now() - begun);
    const later = await clockErrorMs(box, lines);
    assert.ok(later.errorMs < laterMs, `${id} after a pause: ${JSON.stringify(later)}`);
  }
  const seen = await asGuestRoot(box, 'cat /etc/machine-id /etc/hostname; hostname');
  const [machineId = '', ...hostnames] = seen.trim().split('\n');
  assert.match(machineId, /^[0-9a-f]{32}$/);
  assert.deepEqual(hostnames, [id, id]);
  return { ...inside, machineId };
}

function freshMarker(): string {
  const marker = `marker-${randomBytes(16).toString('hex')}`;
  markers.push(marker);
  return marker;
}

/** Prints what is the machine's own and what programs make of it, keeps the marker in memory, then answers with the time. */
const identityProgram = `
import json, os, random, secrets, socket, time, uuid
def text(path):
  with open(path) as file: return file.read().strip()
with open('/dev/urandom', 'rb') as file: urandom = file.read(32).hex()
kept = [os.environ['MARKER'] + str(index) for index in range(1000)]
with open('/marker', 'w') as file: file.write('\\n'.join(kept))
print(json.dumps({
  'urandom': urandom,
  'bootId': text('/proc/sys/kernel/random/boot_id'),
  'kernelUuid': text('/proc/sys/kernel/random/uuid'),
  'uuid4': str(uuid.uuid4()),
  'random': str(random.random()),
  'secret': secrets.token_hex(),
  'getrandom': os.urandom(32).hex(),
  'hashSeed': str(hash('the same text')),
  'stack': hex(id(object())),
  'hostname': socket.gethostname(),
}), flush=True)
${clockProgram}`;

test('the template holds nothing of any pod, not after it is made anew either', async () => {
  assert.equal(markers.length, clones);
  const known = 'Linux version 6.';
  const first = storedTemplate(e2e.libRoot);
  assert.deepEqual(await textsIn(first.memory, [known, ...markers]), [known]);
  assert.deepEqual(await textsIn(first.state, markers), []);
  await runtime.templates.build({ rebuild: true });
  const second = storedTemplate(e2e.libRoot);
  assert.notEqual(second.memory, first.memory);
  assert.deepEqual(await textsIn(second.memory, [known, ...markers]), [known]);
});

/** Each line that it prints with EVIL in it is an attack that has worked. */
const attackTemplate = `
  evil() { echo "EVIL $1"; }
  attack() {
    (: >> "$1") && evil "append $1"
    (: 1<> "$1") && evil "open $1"
    (: > "$1") && evil "overwrite $1"
    dd if=/dev/zero "of=$1" bs=4096 count=1 conv=notrunc && evil "write $1"
    truncate -s 4096 "$1" && evil "truncate $1"
    fallocate --punch-hole --offset 0 --length 4096 "$1" && evil "punch $1"
    chmod 0666 "$1" && evil "chmod $1"
    touch "$1" && evil "touch $1"
  }
  attack "$MEMORY"
  rm -f "$MEMORY" && evil remove
  mv "$MEMORY" "$MEMORY.old" && evil rename
  for option in remount,rw remount,rw,bind; do mount -o $option "$MEMORY" && evil "$option memory"; done
  seen=0
  for fd in /proc/$QEMU/fd/*; do
    case $(readlink $fd) in */templates/*) attack $fd; seen=$((seen + 1));; esac
  done
  for map in /proc/$QEMU/map_files/*; do
    case $(readlink $map) in */templates/*) attack $map; seen=$((seen + 1));; esac
  done
  attack /proc/self/fd/3
  echo "$seen other ways were tried"
  find / -path /proc -prune -o -path /usr -prune -o -path '*/templates/*' -print | sed 's/^/found: /'`;

test('whoever has taken over a clone’s QEMU cannot write the template', async () => {
  const template = storedTemplate(e2e.libRoot);
  const before = await fingerprint(template);
  await using pod = await runtime.createPod({ id: 'evil' });
  assert.equal((await pod.status()).origin, 'clone');
  const qemu = qemuBelow(e2e.vmPid('evil'));
  // As QEMU inherits it; it closes its own when the state is loaded.
  const inherited = openSync(template.state, 'r');
  try {
    for (const rights of ['qemu', 'all'] as const) {
      const env = { MEMORY: template.memory };
      const seen = inJail(qemu, { rights, script: attackTemplate, env, inherited });
      assert.doesNotMatch(seen, /EVIL/, rights);
      // By the descriptor and by the mapping of the memory, at least.
      assert.match(seen, /^[2-9] other ways were tried$/m, seen);
      // Neither the state nor another template.
      const paths = [...seen.matchAll(/^found: (.*)$/gm)].map(([, name = '']) => name);
      assert.deepEqual(
        paths.filter((name) => !template.memory.startsWith(name)),
        [],
      );
      assert.deepEqual(await fingerprint(template), before, rights);
    }
  } finally {
    closeSync(inherited);
  }
  for (const target of descriptorsOf(qemu).values()) assert.notEqual(target, template.state);
});

const idle = ['sleep', 'infinity'];
const MiB = 1024 * 1024;

test('clones grow to what is asked of them, and the guest has what the pod says', async () => {
  const wishes = [
    { cpus: 2, memoryMiB: 1024 },
    { cpus: 1, memoryMiB: 512, limits: { cpus: 1.5, memoryMiB: 700 } },
    { cpus: 1, memoryMiB: 512, limits: { memoryMiB: 100 } },
  ];
  for (const { limits, ...size } of wishes) {
    await using pod = await runtime.createPod({ id: 'grows', ...size });
    const box = await pod.createContainer({ rootfs: debian, command: idle, ...limits });
    await box.start();
    const status = await pod.status();
    assert.equal(status.origin, 'clone');
    const cpus = Math.max(size.cpus, Math.ceil(limits?.cpus ?? 0));
    const said = JSON.stringify(status);
    assert.equal(status.cpus, cpus, said);
    assert.ok(status.memoryMiB >= Math.max(size.memoryMiB, limits?.memoryMiB ?? 0), said);
    const { vm, containers } = await pod.stats();
    assert.equal(vm.cpus, cpus);
    // The guest's kernel keeps a part of it for itself.
    const totalMiB = vm.memoryTotalBytes / MiB;
    assert.ok(totalMiB <= status.memoryMiB && totalMiB > status.memoryMiB - 96, `${totalMiB} MiB`);
    const limitMiB = (containers[0]?.memory?.limitBytes ?? 0) / MiB;
    assert.equal(limitMiB, limits?.memoryMiB ?? 0);
    const inside = await shOk(box, 'nproc; grep MemTotal: /proc/meminfo | tr -dc 0-9');
    const [processors, memoryKiB] = inside.split('\n').map(Number);
    assert.deepEqual([processors, (memoryKiB ?? 0) * 1024], [cpus, vm.memoryTotalBytes]);
  }
  await using cold = await runtime.createPod({ id: 'cold', template: false });
  assert.equal((await cold.status()).origin, 'boot');
});

test('two clones at once see their own directories and nothing of each other’s', async () => {
  const names = ['one', 'two'];
  const seen = await Promise.all(
    names.map(async (name) => {
      const [root, volume] = [path.join(e2e.scratch, name), path.join(e2e.scratch, `${name}-data`)];
      for (const directory of [root, volume]) mkdirSync(directory);
      makeSmallRoot(root, ['sh']);
      writeFileSync(path.join(root, `only-${name}`), name);
      writeFileSync(path.join(volume, `data-${name}`), name);
      await using pod = await runtime.createPod({ id: `share-${name}` });
      assert.equal((await pod.status()).origin, 'clone');
      const mounts = [{ kind: 'bind', source: volume, destination: '/data' }] as const;
      const command = ['sh', '-c', 'printf "%s\\n" /only-* /data/data-*'];
      const { stdout } = await pod.run({ rootfs: root, command, mounts });
      const box = await pod.createContainer({
        rootfs: debian,
        command: idle,
        capabilities: powerful,
      });
      await box.start();
      const all = await asGuestRoot(
        box,
        `for mount in $(grep ' 9p ' /proc/mounts | cut -d' ' -f2); do
           case $mount in /proc/*) ;; *) echo "mount $mount"; find $mount -maxdepth 3 -name '*-one' -o -maxdepth 3 -name '*-two';; esac
         done`,
      );
      assert.match(all, /^mount /m);
      return stdout + all;
    }),
  );
  for (const [index, name] of names.entries()) {
    const other = names[1 - index] ?? '';
    assert.match(seen[index] ?? '', new RegExp(`^/only-${name}$`, 'm'));
    assert.match(seen[index] ?? '', new RegExp(`^/data/data-${name}$`, 'm'));
    assert.doesNotMatch(seen[index] ?? '', new RegExp(other));
  }
});

/** How long a guest may take to give back what it has freed: it looks every two seconds. */
const givesBackMs = 30_000;

/** Copies a guest image: as whole as the first, only that its files are others, which its manifest names. */
function copyImage(from: string, to: string): void {
  cpSync(realpathSync(from), to, { recursive: true, preserveTimestamps: true });
  const file = path.join(to, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const part of Object.values<{ name: string; inode: string; mtimeNs: string }>(
    manifest.files,
  )) {
    const { ino, mtimeNs } = statSync(path.join(to, part.name), { bigint: true });
    Object.assign(part, { inode: String(ino), mtimeNs: String(mtimeNs) });
  }
  rmSync(file);
  writeFileSync(file, JSON.stringify(manifest), { mode: 0o444 });
}

test('a lib root and a guest image whose paths have spaces and colons give clones like any other', async () => {
  const oddLibRoot = path.join(e2e.scratch, 'a lib: root');
  mkdirSync(path.join(oddLibRoot, 'guest'), { recursive: true, mode: 0o755 });
  copyImage(path.join(e2e.libRoot, 'guest/current'), path.join(oddLibRoot, 'guest/current'));
  putBack(storedTemplate(e2e.libRoot).directories[1] ?? '', oddLibRoot);
  const odd = e2e.runtime({
    libRoot: oddLibRoot,
    onWarning: (warning) => warnings.push(warning),
  });
  const pod = await odd.createPod({ id: 'odd' });
  assert.equal((await pod.status()).origin, 'clone');
  const { stdout } = await pod.run({ rootfs: debian, command: ['hostname'] });
  assert.equal(stdout, 'odd\n');
  await pod.delete({ force: true });
  assert.deepEqual(warnings, []);
  await e2e.assertNothingLeft();
});

test('memory that a clone’s guest has freed goes back to the host', async () => {
  await using pod = await runtime.createPod({ id: 'gives-back' });
  const box = await pod.createContainer({ rootfs: debian, command: idle });
  await box.start();
  const rssMiB = async (): Promise<number> => ((await pod.stats()).host.pssBytes ?? 0) / MiB;
  await shOk(box, 'dd if=/dev/zero of=/small bs=1M count=1 2>&1 && rm /small');
  const idleMiB = await rssMiB();
  await shOk(box, 'dd if=/dev/zero of=/filled bs=1M count=200 2>&1');
  const filledMiB = await rssMiB();
  assert.ok(filledMiB - idleMiB > 190, `${idleMiB} MiB, filled ${filledMiB} MiB`);
  await shOk(box, 'rm /filled');
  let nowMiB = filledMiB;
  await until(
    'the host has it again',
    async () => {
      nowMiB = await rssMiB();
      await sleep(500);
      return filledMiB - nowMiB > 150;
    },
    givesBackMs,
  ).catch((error) => assert.fail(`${error}: ${idleMiB}, ${filledMiB}, ${nowMiB} MiB`));
});

test(`${clones} pods made at once, with no template beforehand, all print and leave nothing, and one template is made`, async () => {
  const libRoot = e2e.makeLibRoot('once');
  const told: Warning[] = [];
  const many = e2e.runtime({ libRoot, onWarning: (warning) => told.push(warning) });
  const ids = Array.from({ length: clones }, (_, index) => `many-${index}`);
  const origins = await Promise.all(
    ids.map(async (id) => {
      await using pod = await many.createPod({ id });
      const { stdout } = await pod.run({ rootfs: debian, command: ['hostname'] });
      assert.equal(stdout, `${id}\n`);
      return (await pod.status()).origin;
    }),
  );
  assert.deepEqual(told, []);
  // Booting all of them takes longer than waiting for the one that makes it.
  assert.ok(origins.filter((origin) => origin === 'clone').length > clones / 2, origins.join());
  assert.equal(storedTemplate(libRoot).previous, null);
  assert.equal((await many.templates.list()).length, 1);
  await e2e.assertNothingLeft();
});
