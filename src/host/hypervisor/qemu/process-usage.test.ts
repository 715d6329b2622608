// Tests of what a process uses on the host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProcessUsage } from './process-usage.js';

test('this process’s own usage is what Node says of it', async () => {
  const usage = await readProcessUsage(process.pid);
  const { user, system } = process.cpuUsage();
  assert.equal(usage.pid, process.pid);
  assert.ok(Math.abs((usage.cpuUs ?? 0) - user - system) < 500_000, JSON.stringify(usage));
  const rss = process.memoryUsage.rss();
  assert.ok(Math.abs((usage.rssBytes ?? 0) - rss) < 0.3 * rss, `${usage.rssBytes} and ${rss}`);
  assert.ok((usage.pssBytes ?? 0) > 0 && (usage.pssBytes ?? 0) <= (usage.rssBytes ?? 0));
});

test('what the host does not tell is null', async () => {
  const pid = 2 ** 22 + 1;
  const nothing = { pid, cpuUs: null, rssBytes: null, pssBytes: null };
  assert.deepEqual(await readProcessUsage(pid), nothing);
});
