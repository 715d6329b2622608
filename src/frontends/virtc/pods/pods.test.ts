// Tests of the verbs of pods, and of those that look at containers, through shims over fake VMs that run the real guest service.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { VerbWorld } from '../../../testing/verb-world.js';
import { events } from '../containers/events.js';
import { inspect } from '../containers/inspect.js';
import { stats } from '../containers/stats.js';
import { top } from '../containers/top.js';
import { createPod } from './create.js';
import { listPods } from './ls.js';
import { inspectPods, pausePods, removePods, resumePods, startPods, stopPods } from './verbs.js';

function testIn(title: string, work: (world: VerbWorld) => Promise<void>): void {
  test(title, { timeout: 60_000 }, async () => {
    const world = new VerbWorld();
    try {
      await work(world);
    } finally {
      await world.close();
    }
    world.owners.host.assertNothingLeft();
  });
}

testIn(
  'a pod is made, holds containers, is stopped, started, and removed with them',
  async (world) => {
    const { context } = world;
    assert.equal(await createPod('group', { label: ['app=web'] }, context), 0);
    await world.make('one', ['trap', '0'], { pod: 'gr' });
    await world.make('two', ['trap', '0'], { pod: 'group' });
    assert.equal(world.printed().stdout, 'group\n');
    assert.equal(await removePods(['group'], {}, context), 1);
    assert.match(world.printed().stderr, /cannot remove pod group: container one in it is running/);
    assert.equal(await pausePods(['group'], {}, context), 0);
    assert.equal(await resumePods(['group'], {}, context), 0);
    assert.equal(await stopPods(['group'], { timeout: '1' }, context), 0);
    const states = async () =>
      (await context.runtime.podStatus('group')).containers.map(({ state }) => state);
    assert.deepEqual(await states(), ['stopped', 'stopped']);
    assert.equal(await startPods(['group'], {}, context), 0);
    assert.deepEqual(await states(), ['running', 'running']);
    assert.equal(await removePods(['group', 'none'], { force: true }, context), 1);
    const { stdout, stderr } = world.printed();
    assert.equal(stdout, 'group\ngroup\ngroup\ngroup\ngroup\n');
    assert.equal(
      stderr,
      'virtc: cannot remove pod none: no such pod\nhint: virtc pod ls lists all\n',
    );
    assert.deepEqual(await context.runtime.listPods(), []);
  },
);

testIn('a pod in which nothing runs is removed without force', async (world) => {
  const { context } = world;
  assert.equal(await createPod(undefined, { name: 'empty' }, context), 0);
  assert.equal(await removePods(['empty'], {}, context), 0);
  assert.equal(world.printed().stdout, 'empty\nempty\n');
});

testIn('pods are listed as a table, as ids and as JSON, and picked by filters', async (world) => {
  const { context } = world;
  await createPod('group', { label: ['app=web'], cpus: '2' }, context);
  await world.make('job', ['trap', '0']);
  world.printed();
  assert.equal(await listPods({ filter: ['label=app=web'] }, context), 0);
  const [head, row] = world.printed().stdout.split('\n');
  assert.match(head ?? '', /^POD ID +NAME +STATUS +CREATED +CPUS +MEMORY +OWNER +# OF CONTAINERS$/);
  assert.match(row ?? '', /^group +group +Ready +\S.* ago +2 +512MiB +shim +0$/);
  await listPods({ quiet: true }, context);
  assert.equal(world.printed().stdout, 'job\ngroup\n');
  await listPods({ format: '{{.ID}} {{.ContainerIds}}', filter: ['status=running'] }, context);
  assert.equal(world.printed().stdout, 'job job\n');
  await assert.rejects(listPods({ filter: ['status=runing'] }, context), {
    hint: 'did you mean running?',
  });
});

const refused: readonly [string | undefined, object, RegExp][] = [
  ['a', { name: 'b' }, /it has two names/],
  ['../x', {}, /cannot use pod id/],
  [undefined, { cpus: '1.5' }, /cannot use --cpus "1.5"/],
  [undefined, { memory: 'much' }, /cannot use --memory "much"/],
];
for (const [name, flags, message] of refused) {
  testIn(`pod create ${name} with ${JSON.stringify(flags)} is refused`, async (world) => {
    await assert.rejects(createPod(name, flags, world.context), {
      code: 'invalid-argument',
      message,
    });
  });
}

testIn('a signal while a pod is made ends it with its code, and nothing is left', async (world) => {
  const { context, signals } = world;
  let atImage: () => void = () => {};
  const reached = new Promise<void>((resolve) => {
    atImage = resolve;
  });
  world.owners.host.beforeImage = async () => {
    atImage();
    await delay(50);
  };
  const making = createPod('late', {}, context);
  await reached;
  signals.emit('SIGTERM');
  assert.equal(await making, 143);
  assert.deepEqual(await context.runtime.listPods(), []);
  assert.deepEqual(signals.eventNames(), []);
});

testIn('inspect shows containers in docker’s shape, and pods', async (world) => {
  const { context } = world;
  await world.make('web', ['trap', '7'], { label: ['app=x'], tty: true });
  await createPod('group', {}, context);
  world.printed();
  assert.equal(await inspect(['web', 'group'], {}, context), 0);
  const [web, group] = JSON.parse(world.printed().stdout);
  assert.deepEqual([web.Id, web.Name, web.Path, web.Args], ['web', '/web', 'trap', ['7']]);
  assert.equal(web.State.Status, 'running');
  assert.deepEqual([web.Config.Tty, web.Config.Labels], [true, { app: 'x' }]);
  assert.deepEqual([group.Id, group.State, group.Containers], ['group', 'ready', []]);
  const format = '{{.State.Running}} {{.Pod.Id}} {{.Nothing}}';
  assert.equal(await inspect(['web', 'none'], { format }, context), 1);
  assert.deepEqual(world.printed(), {
    stdout: 'true web <no value>\n',
    stderr:
      'virtc: cannot inspect none: no such container or pod\nhint: virtc ps -a and virtc pod ls list all\n',
  });
  assert.equal(await inspectPods(['web'], { format: '{{.State}}' }, context), 0);
  assert.equal(world.printed().stdout, 'running\n');
});

testIn('top lists processes, and stats what is used', async (world) => {
  const { context } = world;
  await world.make('web', ['trap', '0']);
  world.printed();
  assert.equal(await top('web', {}, context), 0);
  assert.match(world.printed().stdout, /^UID +PID +PPID +STAT +ELAPSED +CMD\n\d+ +\d+ .*trap 0\n/);
  const { signal } = new AbortController();
  const around = { ...context, signal, isTerminal: false, intervalMs: 20 };
  assert.equal(await stats([], { stream: false }, around), 0);
  const [head, row] = world.printed().stdout.split('\n');
  assert.match(head ?? '', /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O/);
  assert.match(row ?? '', /^web +web /);
  await assert.rejects(stats(['none'], {}, around), { code: 'not-found' });
});

testIn('events tell of pods that were there and of new ones, in docker’s words', async (world) => {
  const { context } = world;
  await world.make('old', ['trap', '0']);
  world.printed();
  const abort = new AbortController();
  const telling = events(
    { format: '{{.Type}} {{.Action}} {{.ID}}' },
    { ...context, signal: abort.signal, intervalMs: 5 },
  );
  await delay(100);
  await world.make('new', ['trap', '0']);
  await delay(100);
  for (const id of ['old', 'new']) await context.runtime.deletePod(id, { force: true });
  await delay(100);
  abort.abort();
  assert.equal(await telling, 0);
  const lines = world.printed().stdout.split('\n');
  for (const line of ['pod create new', 'container start new', 'container destroy new']) {
    assert.ok(lines.includes(line), `${line} in ${lines.join(', ')}`);
  }
  assert.ok(!lines.includes('container start old'), 'what was before is not told');
  assert.ok(lines.includes('container destroy old'));
});
