// Tests of what is called an end by the memory limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OomKills } from './oom-kills.js';

const killed = { code: 0, signal: 9 };
const exec = { isInit: false, killsBefore: 0, killedByHost: false };
const init = { ...exec, isInit: true };

test('each kill explains one end of an added process', () => {
  let count = 0;
  const kills = new OomKills(() => count);
  assert.equal(kills.explains(killed, exec), false);
  count = 2;
  assert.equal(kills.explains(killed, exec), true);
  assert.equal(kills.explains(killed, exec), true);
  assert.equal(kills.explains(killed, exec), false);
  count = 3;
  assert.equal(kills.explains(killed, exec), true);
});

test('a kill before a process was made does not explain its end', () => {
  const kills = new OomKills(() => 1);
  assert.equal(kills.explains(killed, { ...exec, killsBefore: 1 }), false);
});

test('an init that tells of a child’s kill is explained by it, and nobody else is', () => {
  const told = { code: 137, signal: 0 };
  assert.equal(new OomKills(() => 1).explains(told, init), true);
  assert.equal(new OomKills(() => 0).explains(told, init), false);
  assert.equal(new OomKills(() => 1).explains(told, { ...init, killedByHost: true }), false);
  assert.equal(new OomKills(() => 1).explains({ code: 1, signal: 0 }, init), false);
  assert.equal(new OomKills(() => 1).explains(told, exec), false);
});

test('only SIGKILL that the host did not send is by the limit, and others leave the kill to be explained', () => {
  const kills = new OomKills(() => 1);
  assert.equal(kills.explains({ code: 137, signal: 0 }, exec), false);
  assert.equal(kills.explains({ code: 0, signal: 15 }, exec), false);
  assert.equal(kills.explains(killed, { ...exec, killedByHost: true }), false);
  assert.equal(kills.explains(killed, { ...init, killedByHost: true }), false);
  assert.equal(kills.explains(killed, exec), true);
});

test('the end of init is explained even where those that it took along were told first', () => {
  const kills = new OomKills(() => 1);
  assert.equal(kills.explains(killed, exec), true);
  assert.equal(kills.explains(killed, init), true);
  assert.equal(new OomKills(() => 0).explains(killed, init), false);
});
