// Tests of `virtc run --dry-run`: what it prints of a plan, and when it is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlannedPod } from '../../../model/planned-pod.js';
import { PodWorld } from '../../../testing/pod-world.js';
import { dryRunFormat, planRun, toJson } from './dry-run.js';
import { formatPlan } from './format-plan.js';
import { type RunFlags, toRunRequest } from './run-request.js';

const size = { columns: 90, rows: 20 };

function planOf(flags: RunFlags, world = new PodWorld()) {
  const surroundings = { cwd: '/', environment: {}, fileEntries: [] };
  const request = toRunRequest(
    ['sleep', 'a b'],
    { rootfs: '/tmp', name: 'web', ...flags },
    surroundings,
  );
  return planRun(world.runtime, request, { size: () => size });
}

function processOf({ containers: [container] }: PlannedPod) {
  assert.ok(container);
  return container.spec['process'] as Record<string, unknown>;
}

test('the text tells the accelerator, the sizes, the binds, the command line and the specification', async () => {
  const world = new PodWorld();
  const plan = await planOf(
    { memory: '700m', cpus: '1.5', volume: ['/tmp:/data:ro', '/usr:/src'], hostname: 'box' },
    world,
  );
  const lines = formatPlan(plan).split('\n');
  const has = (line: string): void =>
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
  has('pod web');
  has('  accelerator  tcg: a fake');
  has('  size         1 processor and 512 MiB at boot, then 1 processor and 384 MiB added');
  has('  fake \\');
  has('    -name web \\');
  has('    -m 512M,slots=16,maxmem=65664M \\');
  has("  /      /tmp, read-only, cached; writes go to the VM's memory");
  has('  /data  /tmp, read-only');
  has('  /src   /usr, writable');
  const spec = lines.slice(lines.indexOf('container web: its OCI specification for the guest') + 1);
  assert.deepEqual(JSON.parse(spec.join('\n')), plan.containers[0]?.spec);
  assert.equal(lines.at(-1), '');
  world.assertNothingLeft();
});

test('a VM that need not grow, and a root that is written to, are told so', async () => {
  const text = formatPlan(await planOf({ writes: 'host' }));
  assert.match(text, /^ {2}size {9}1 processor and 512 MiB$/m);
  assert.match(text, /^ {2}\/ {2}\/tmp, writable; writes change it$/m);
  assert.match(formatPlan(await planOf({ cpus: '2' })), /at boot, then 1 processor added$/m);
});

test('the files that QEMU is given open are told', async () => {
  const plan = await planOf({});
  assert.match(formatPlan(plan), /^ {2}open files {9}none$/m);
  const jail = { ...plan.vm.jail, inherited: ['/template/state'] };
  const clone = { ...plan, vm: { ...plan.vm, jail } };
  assert.match(formatPlan(clone), /^ {2}open files {9}\/template\/state$/m);
});

test('the JSON is the plan whole, as one object', async () => {
  const plan = await planOf({ init: true });
  const parsed = JSON.parse(toJson(plan)) as typeof plan;
  assert.deepEqual(parsed, plan);
  const { args } = processOf(parsed);
  assert.deepEqual(args, ['/dev/init', '--', 'sleep', 'a b']);
});

test('with -t the specification has the terminal that the command would get', async () => {
  const { terminal, consoleSize } = processOf(await planOf({ tty: true }));
  assert.deepEqual([terminal, consoleSize], [true, { height: 20, width: 90 }]);
});

test('what could act on a terminal is escaped', async () => {
  const text = formatPlan(await planOf({ volume: ['/tmp/\x1b[31m:/\u202e'] }));
  assert.ok(!text.includes('\x1b') && !text.includes('\u202e'));
  assert.match(text, /\\x1b\[31m/);
});

test('--format says how --dry-run prints', () => {
  assert.equal(dryRunFormat({}), null);
  assert.equal(dryRunFormat({ dryRun: true }), 'text');
  assert.equal(dryRunFormat({ dryRun: true, format: 'text' }), 'text');
  assert.equal(dryRunFormat({ dryRun: true, format: 'json' }), 'json');
  assert.throws(() => dryRunFormat({ dryRun: true, format: 'jsn' }), {
    hint: 'did you mean json?',
  });
  assert.equal(dryRunFormat({ format: 'json' }), null);
});
