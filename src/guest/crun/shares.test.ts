// Tests of the guest's shares: what is refused, and when which of them is mounted and let go.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { MS_NODEV, MS_RDONLY, UMOUNT_NOFOLLOW } from '../../base/native/mounts.js';
import { SharePathSchema } from '../../wire/gen/agent_pb.js';
import { Shares } from './shares.js';

const sharePath = (tag: string, place: string, cached = true) =>
  create(SharePathSchema, { share: { tag, cached }, path: place });

let folder = '';
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'virtc-shares-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Shares over a kernel that only notes what it is asked. */
function world() {
  const mounted = new Map<string, { readonly flags: number; readonly data: string }>();
  const calls: string[] = [];
  /** Mount points that are in use. */
  const busy = new Set<string>();
  const shares = new Shares(folder, {
    mount: ({ source, target, type, flags = 0, data }) => {
      calls.push(`mount ${source}`);
      assert.equal(type, '9p');
      assert.ok(!mounted.has(target), 'one transport serves one mount at a time');
      mounted.set(target, { flags, data: data ?? '' });
    },
    unmount: (target, flags) => {
      calls.push(`unmount ${path.basename(target)}`);
      assert.equal(flags, UMOUNT_NOFOLLOW, 'at once, or not at all');
      if (busy.has(path.basename(target))) throw new Error('EBUSY');
      assert.ok(mounted.delete(target));
    },
  });
  return { shares, mounted, calls, busy };
}

test('a path that leads out of its share, or a tag that is none, is refused before anything is mounted', () => {
  const shares = new Shares('/nonexistent/shares');
  const bad = [
    sharePath('virtc-ro', '..'),
    sharePath('virtc-ro', 'a/../../b'),
    sharePath('virtc-ro', 'a\0b'),
    sharePath('', 'a'),
    sharePath('../x', 'a'),
    sharePath('a,cache=none', 'a'),
    sharePath('x'.repeat(32), 'a'),
    create(SharePathSchema, { path: 'a' }),
  ];
  for (const wrong of bad) {
    assert.throws(() => shares.resolve(wrong), { code: 'invalid-argument' }, JSON.stringify(wrong));
  }
});

test('a share is mounted once, at its first use, as its cache needs it', () => {
  const { shares, mounted, calls } = world();
  assert.equal(shares.resolve(sharePath('virtc-ro', 'a/./b')), `${folder}/virtc-ro/a/b`);
  shares.resolve(sharePath('virtc-ro', 'c'));
  shares.resolve(sharePath('virtc-rw', '0', false));
  assert.deepEqual(calls, ['mount virtc-ro', 'mount virtc-rw']);
  const cached = mounted.get(`${folder}/virtc-ro`);
  const coherent = mounted.get(`${folder}/virtc-rw`);
  assert.equal(cached?.flags, MS_NODEV | MS_RDONLY);
  assert.match(cached?.data ?? '', /,cache=loose$/);
  assert.equal(coherent?.flags, MS_NODEV);
  assert.match(coherent?.data ?? '', /,cache=mmap$/);
  assert.throws(() => shares.resolve(sharePath('virtc-ro', 'a', false)), {
    message: 'cannot use share path virtc-ro: it is mounted with another kind of cache',
  });
});

test('all that are mounted are let go, and mounted again at the next use, also with another cache', () => {
  const { shares, mounted, calls } = world();
  shares.unmount();
  assert.deepEqual(calls, [], 'there is none');
  for (const tag of ['virtc-ro', 'virtc-rw']) shares.resolve(sharePath(tag, '0'));
  shares.unmount();
  assert.equal(mounted.size, 0);
  shares.unmount();
  shares.resolve(sharePath('virtc-ro', '0', false));
  assert.deepEqual(calls, [
    ...['mount virtc-ro', 'mount virtc-rw', 'unmount virtc-ro', 'unmount virtc-rw'],
    'mount virtc-ro',
  ]);
});

test('one that is in use stays mounted and is told, and the others can still be used', () => {
  const { shares, mounted, busy, calls } = world();
  for (const tag of ['virtc-ro', 'virtc-rw']) shares.resolve(sharePath(tag, '0'));
  busy.add('virtc-rw');
  assert.throws(() => shares.unmount(), /EBUSY/);
  assert.deepEqual([...mounted.keys()], [`${folder}/virtc-rw`]);
  calls.length = 0;
  for (const tag of ['virtc-ro', 'virtc-rw']) shares.resolve(sharePath(tag, '0'));
  assert.deepEqual(calls, ['mount virtc-ro'], 'the other one is still there');
  busy.clear();
  shares.unmount();
  assert.equal(mounted.size, 0);
});
