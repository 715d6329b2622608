// Tests of what each check makes of what it finds, and of those that look at the host themselves.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { VirtcontainersError } from '../base/errors.js';
import type { PodListEntry } from '../model/pod.js';
import type { TemplateInfo } from '../model/template.js';
import { type CheckStatus, type Finding, runCheck } from './check.js';
import {
  checkDirectory,
  type DirectoryFacts,
  directoryFacts,
  libRootNeeds,
  nearestExisting,
  runRootNeeds,
} from './directories.js';
import { podsOf } from './doctor.js';
import { checkGuestImage } from './guest-image.js';
import { checkAccelerator, checkCgroups, checkNamespaces } from './isolation.js';
import { checkLeftovers } from './leftovers.js';
import { checkNode, checkPlatform, checkQemu, checkRoot, checkTools } from './programs.js';
import { checkTemplates } from './templates.js';

const MiB = 1024 * 1024;
const facts: DirectoryFacts = {
  path: '/d',
  exists: true,
  refusal: null,
  fileSystem: 'ext4',
  freeBytes: 20 * 1024 * MiB,
  freeInodes: 1000,
};
const version1 = (...controllers: string[]) =>
  ({ version: 1, controllers, mountPoint: '/c', own: '/c' }) as const;
const version2 = { version: 2, controllers: [], mountPoint: '/c', own: '/c' } as const;
const full = { userNamespace: true, idmappedBinds: true, userNamespaceFd: 3, reason: null };
const alive = { id: 'a', ownerAlive: true } as unknown as PodListEntry;
const dead = (id: string) => ({ id, ownerAlive: false }) as unknown as PodListEntry;

const template: TemplateInfo = {
  id: '0123456789abcdef0123456789abcdef',
  createdAt: '2025-01-01T00:00:00.000Z',
  lastUsedAt: '2025-01-01T00:00:00.000Z',
  current: true,
  guestImage: 'abc',
  qemuVersion: '7.2.22',
  accelerator: 'tcg',
  cpus: 1,
  memoryMiB: 512,
  sizeBytes: 139 * MiB,
  buildMs: 8000,
  problem: null,
};
const torn: TemplateInfo = { ...template, current: false, problem: 'its state is cut short' };

const findings: readonly [title: string, Finding, CheckStatus, message: RegExp, hint?: RegExp][] = [
  ['a Node that fits', checkNode('20.19.0'), 'ok', /^Node 20\.19\.0$/],
  ['a newer Node', checkNode('24.1.0'), 'ok', /24/],
  ['an old Node', checkNode('20.18.9'), 'fail', /too old/, /20\.19 or newer/],
  ['an odd Node', checkNode('21.7.0'), 'fail', /21\.7\.0/, /22\.12/],
  ['an early Node 22', checkNode('22.11.0'), 'fail', /22\.11/],
  ['Linux', checkPlatform('linux', 'x64'), 'ok', /Linux/],
  ['another processor', checkPlatform('linux', 'arm64'), 'fail', /linux on arm64/, /x86-64/],
  ['root', checkRoot(0), 'ok', /root/],
  ['another user', checkRoot(1000), 'fail', /not root/, /as root/],
  ['a platform without users', checkRoot(undefined), 'fail', /not root/],
  ['QEMU', checkQemu('/q', '7.2.22'), 'ok', /^QEMU 7\.2\.22$/],
  [
    'no QEMU',
    checkQemu('/q', null),
    'fail',
    /^\/q is not there/,
    /apt-get install qemu-system-x86/,
  ],
  ['an old QEMU', checkQemu('/q', '6.0.0'), 'fail', /6\.0\.0 is too old/, /7\.2 or newer/],
  ['all tools', checkTools(() => true), 'ok', /^mount, unshare, nsenter, setpriv, cat are/],
  [
    'no util-linux',
    checkTools((file) => /mount|cat/.test(file)),
    'fail',
    /lacks unshare, nsenter, setpriv$/,
    /^apt-get install util-linux, or virtc setup$/,
  ],
  [
    'KVM',
    checkAccelerator({ kind: 'kvm', reason: 'it ran' }),
    'ok',
    /^KVM: it ran; .*processor's own separation/,
  ],
  [
    'emulation',
    checkAccelerator({ kind: 'tcg', reason: 'KVM cannot be used: no' }),
    'warn',
    /^emulation \(TCG\): KVM cannot be used: no; .*translator/,
    /jail, not the VM, as the wall.*SECURITY\.md/,
  ],
  ['all namespaces', checkNamespaces(full), 'ok', /user namespaces and idmapped binds/],
  [
    'no map of ids',
    checkNamespaces({ ...full, idmappedBinds: false, reason: 'the file system at / cannot' }),
    'warn',
    /^the file system at \/ cannot: QEMU runs as uid 0/,
    /file system whose ids can be mapped/,
  ],
  [
    'no user namespaces',
    checkNamespaces({
      userNamespace: false,
      idmappedBinds: false,
      userNamespaceFd: null,
      reason: 'no',
    }),
    'warn',
    /^no: QEMU runs as uid 0/,
    /max_user_namespaces/,
  ],
  [
    'cgroups of version 2',
    checkCgroups({ hierarchies: [version2], made: true, bounded: ['memory', 'pids'] }),
    'ok',
    /^cgroups of version 2: a pod's memory and processes are bounded$/,
  ],
  [
    'cgroups of version 1, those that matter',
    checkCgroups({
      hierarchies: [version1('cpu'), version1('memory'), version1('pids')],
      made: true,
      bounded: ['memory', 'pids'],
    }),
    'ok',
    /^cgroups of version 1 \(memory\), version 1 \(pids\): /,
  ],
  [
    'cgroups without bounds',
    checkCgroups({ hierarchies: [version2], made: true, bounded: ['pids'] }),
    'warn',
    /a pod's memory cannot be bounded/,
    /delegated/,
  ],
  [
    'no cgroups',
    checkCgroups({ hierarchies: [], made: false, bounded: [] }),
    'warn',
    /^no cgroups are mounted: pods get none/,
  ],
  ['a directory', checkDirectory(facts, libRootNeeds), 'ok', /^\/d on ext4 with 20 GiB free$/],
  [
    'one that is not there yet',
    checkDirectory({ ...facts, exists: false, freeInodes: null }, libRootNeeds),
    'ok',
    /^\/d \(which will be made\) on ext4/,
  ],
  [
    'one that cannot be written',
    checkDirectory({ ...facts, refusal: 'EROFS' }, runRootNeeds),
    'fail',
    /^\/d cannot be written: EROFS$/,
    /VIRTC_RUN_ROOT/,
  ],
  [
    'a full disk',
    checkDirectory({ ...facts, freeBytes: MiB }, runRootNeeds),
    'fail',
    /1 MiB free: too little/,
  ],
  [
    'an almost full disk',
    checkDirectory({ ...facts, freeBytes: 100 * MiB }, libRootNeeds),
    'warn',
    /100 MiB free: little/,
  ],
  [
    'a disk without inodes',
    checkDirectory({ ...facts, freeInodes: 3 }, libRootNeeds),
    'fail',
    /only 3 more files/,
  ],
  ['living pods', checkLeftovers([alive]), 'ok', /pods of living ones: 1$/],
  [
    'dead owners and a damaged record',
    checkLeftovers([alive, dead('b'), { id: 'c', error: 'x' }]),
    'warn',
    /^pods are left of dead owners: b; with records that cannot be read: c$/,
    /virtc gc/,
  ],
  [
    'many leftovers',
    checkLeftovers(['1', '2', '3', '4', '5', '6', '7'].map(dead)),
    'warn',
    /: 1, 2, 3, 4, 5 and 2 more$/,
  ],
  ['no templates by choice', checkTemplates(false, [torn]), 'ok', /off: every pod boots its VM$/],
  [
    'a template',
    checkTemplates(true, [{ ...template, id: 'f'.repeat(32), current: false }, template]),
    'ok',
    /^pods are cloned from template 0123456789ab \(139 MiB on disk\)$/,
  ],
  [
    'no template yet',
    checkTemplates(true, [{ ...template, current: false }]),
    'ok',
    /which the first one makes$/,
    /^virtc template build /,
  ],
  [
    'a damaged template',
    checkTemplates(true, [template, torn]),
    'warn',
    /^templates are damaged: 0123456789ab \(its state is cut short\); what is needed is made anew$/,
    /virtc template rm/,
  ],
  ['many damaged templates', checkTemplates(true, Array(7).fill(torn)), 'warn', /\) and 2 more; /],
];
for (const [title, finding, status, message, hint] of findings) {
  test(`the doctor says ${status} of ${title}`, () => {
    assert.equal(finding.status, status);
    assert.match(finding.message, message);
    if (hint === undefined) return;
    assert.match(finding.hint ?? '', hint);
  });
}

test('a check that throws has failed, with the hint of the error', async () => {
  const error = new VirtcontainersError('internal', 'cannot look', { hint: 'look again' });
  assert.deepEqual(
    await runCheck('eyes', () => {
      throw error;
    }),
    { name: 'eyes', status: 'fail', message: 'cannot look', hint: 'look again' },
  );
});

const place = { libRoot: '/l', guestImage: null };
const image = {
  id: 'i',
  directory: '/l/guest/i',
  versions: { kernel: '6', node: '20', crun: '1' },
} as never;
const missing = (): never => {
  throw new VirtcontainersError('not-found', 'cannot open guest image: there is none');
};
const images: readonly [string, () => Promise<Finding>, Partial<Finding>][] = [
  [
    'a current image',
    () => checkGuestImage(place, async () => ({ image, hasCurrentAgent: true })),
    { status: 'ok' },
  ],
  [
    'an older agent',
    () => checkGuestImage(place, async () => ({ image, hasCurrentAgent: false })),
    { status: 'warn', hint: 'run virtc setup', fixedBySetup: true },
  ],
  [
    'no image',
    () => checkGuestImage(place, async () => missing()),
    { status: 'fail', hint: 'run virtc setup', fixedBySetup: true },
  ],
];
for (const [title, look, expected] of images) {
  test(`the doctor says ${expected.status} of ${title}`, async () => {
    const { message, ...rest } = await look();
    assert.deepEqual(rest, expected);
    assert.notEqual(message, '');
  });
}

test('an image that the environment names is not fixed by a setup', async () => {
  const finding = await checkGuestImage({ ...place, guestImage: '/i' }, async () => missing());
  assert.equal(finding.fixedBySetup, undefined);
  assert.match(finding.hint ?? '', /VIRTC_GUEST_IMAGE/);
});

test('the facts of a directory are those of the nearest one that is there', async () => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'virtc-doctor-'));
  try {
    assert.equal(nearestExisting(path.join(scratch, 'a/b')), scratch);
    const { exists, refusal, freeBytes } = await directoryFacts(path.join(scratch, 'a/b'));
    assert.deepEqual([exists, refusal], [false, null]);
    assert.ok(freeBytes > 0);
    await writeFile(path.join(scratch, 'file'), '');
    const inFile = await directoryFacts(path.join(scratch, 'file'));
    assert.match(inFile.refusal ?? '', /is not a directory/);
    assert.equal((await directoryFacts('/proc/self')).fileSystem, 'proc');
  } finally {
    await rm(scratch, { recursive: true });
  }
});

test('leftovers are looked for where the configuration says that is checked, whatever files there are', async () => {
  const base = await mkdtemp(path.join(tmpdir(), 'virtc-doctor-'));
  const before = process.env['VIRTC_CONFIG'];
  process.env['VIRTC_CONFIG'] = path.join(base, 'none.toml');
  try {
    assert.deepEqual(await podsOf({ runRoot: path.join(base, 'run'), libRoot: base }), []);
  } finally {
    if (before === undefined) delete process.env['VIRTC_CONFIG'];
    else process.env['VIRTC_CONFIG'] = before;
    await rm(base, { recursive: true, force: true });
  }
});
