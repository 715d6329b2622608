// The fake templates pass the suite of the real ones: what is tested over them holds for both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begin, sampleFacts, sampleKey, testTemplates } from '../host/templates/templates.suite.js';
import { FakeTemplateDisk, FakeTemplates } from './fake-templates.js';

testTemplates('FakeTemplates', async () => {
  const disk = new FakeTemplateDisk();
  const templates = new FakeTemplates(disk);
  return {
    templates,
    other: new FakeTemplates(disk),
    fill: async () => {},
    damage: async ({ id }) => templates.damage(id, 'memory: its size is 3, not 13'),
    dispose: async () => {},
  };
});

test('a builder of another process holds the right until it is released', async () => {
  const templates = new FakeTemplates();
  const held = templates.holdBuild(sampleKey());
  assert.equal(await templates.begin(sampleKey()), null);
  const waiting = templates.waitForBuilder(sampleKey(), AbortSignal.timeout(10_000));
  templates.put(sampleKey(), { qemuVersion: '9.9' });
  held.release();
  held.release();
  await waiting;
  assert.equal((await templates.find(sampleKey()))?.qemuVersion, '9.9');
  assert.equal(templates.calls.builds, 0);
});

test('a commit that fails leaves nothing', async () => {
  const templates = new FakeTemplates();
  templates.commitFailure = new Error('full');
  const build = await begin(templates, sampleKey());
  await assert.rejects(build.commit(sampleFacts), { message: 'full' });
  assert.equal(await templates.find(sampleKey()), null);
  assert.equal(templates.building, 0);
});
