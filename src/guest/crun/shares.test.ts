import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { SharePathSchema } from '../../wire/gen/agent_pb.js';
import { Shares } from './shares.js';

const sharePath = (tag: string, path: string) =>
  create(SharePathSchema, { share: { tag, cached: true }, path });

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
  for (const path of bad) {
    assert.throws(() => shares.resolve(path), { code: 'invalid-argument' }, JSON.stringify(path));
  }
});
