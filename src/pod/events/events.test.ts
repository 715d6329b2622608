// Tests of events: their order, their bound, their end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodEvent } from '../../model/events.js';
import { maxWaitingEvents } from '../../model/limits.js';
import { ContainerEvents } from './container-events.js';
import { type EventBody, EventHub } from './event-hub.js';
import { listen } from './listen.js';

const ready = { kind: 'pod-ready' } as const;

async function rest(events: AsyncIterable<PodEvent>): Promise<readonly PodEvent[]> {
  const all: PodEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

test('every listener gets what happens from its beginning on, with the time and the pod, up to the end', async () => {
  const all = new EventHub();
  const hub = new EventHub(all);
  const first = hub.listen();
  const above = all.listen();
  hub.tell('p', ready);
  const second = hub.listen();
  hub.tell('p', { kind: 'pod-deleted' });
  hub.end();
  new EventHub(all).tell('q', ready);
  const [one, two] = [await rest(first), await rest(second)];
  assert.deepEqual(
    one.map(({ kind }) => kind),
    ['pod-ready', 'pod-deleted'],
  );
  assert.deepEqual(two, one.slice(1));
  const [event] = one;
  assert.ok(event?.kind === 'pod-ready' && event.podId === 'p');
  assert.ok(Math.abs(Date.parse(event.time) - Date.now()) < 60_000);
  assert.deepEqual(await rest(hub.listen()), []);
  // Those of all pods go on.
  for (const podId of ['p', 'p', 'q']) {
    const { value } = await above.next();
    assert.ok(value !== undefined && value.kind !== 'missed');
    assert.equal(value.podId, podId);
  }
});

test('a reader that waits gets the next event, several get one each, and the end ends them all', async () => {
  const hub = new EventHub();
  const listener = hub.listen();
  const readers = [listener.next(), listener.next(), listener.next()];
  hub.tell('p', ready);
  hub.tell('p', { kind: 'pod-started' });
  hub.end();
  const results = await Promise.all(readers);
  assert.deepEqual(
    results.map(({ done, value }) => (done === true ? 'done' : value?.kind)),
    ['pod-ready', 'pod-started', 'done'],
  );
  assert.equal((await listener.next()).done, true);
});

test('a slow reader costs bounded memory and learns in the right place how much it has missed', async () => {
  const hub = new EventHub();
  const listener = hub.listen();
  const tell = (count: number, body: EventBody): void => {
    for (let index = 0; index < count; index++) hub.tell('p', body);
  };
  tell(maxWaitingEvents, ready);
  tell(500, { kind: 'pod-paused' });
  // As long as it has not been told what it missed, nothing may overtake that.
  await listener.next();
  tell(1, { kind: 'pod-resumed' });
  for (let index = 1; index < maxWaitingEvents; index++) {
    assert.equal((await listener.next()).value?.kind, 'pod-ready');
  }
  const { value } = await listener.next();
  assert.ok(value?.kind === 'missed');
  assert.equal(value.count, 501);
  tell(1, { kind: 'pod-stopped', why: 'requested', message: null });
  hub.end();
  assert.deepEqual(
    (await rest(listener)).map(({ kind }) => kind),
    ['pod-stopped'],
  );
});

test('leaving the loop, an abort and the end of a pod free the listener; nobody listening costs nothing', async () => {
  const hub = new EventHub(new EventHub());
  hub.tell('p', ready);
  assert.equal(hub.isHeard, false);
  const left = hub.listen();
  hub.tell('p', ready);
  for await (const event of left) {
    assert.equal(event.kind, 'pod-ready');
    break;
  }
  assert.equal(hub.isHeard, false);

  const controller = new AbortController();
  const aborted = hub.listen(controller.signal);
  const waiting = aborted.next();
  assert.equal(hub.isHeard, true);
  controller.abort();
  assert.equal((await waiting).done, true);
  assert.equal(hub.isHeard, false);
  assert.deepEqual(await rest(hub.listen(AbortSignal.abort())), []);
  assert.equal(hub.isHeard, false);
});

test('options of listening are checked at once', () => {
  const hub = new EventHub();
  const what = 'cannot listen';
  assert.throws(() => listen(hub, what, { sginal: 1 } as never), {
    code: 'invalid-argument',
    message: 'cannot listen: unknown option `sginal`',
  });
  assert.throws(() => listen(hub, what, { signal: 1 } as never), { code: 'invalid-argument' });
  assert.equal(hub.isHeard, false);
});

const exit = { code: 0, signal: null, reason: 'exited' } as const;
const oom = { code: 137, signal: 'SIGKILL', reason: 'oom' } as const;

function container() {
  const kinds: string[] = [];
  const events = new ContainerEvents('c', (body) => {
    assert.ok('containerId' in body && body.containerId === 'c');
    const of = 'processId' in body ? ` ${body.processId}` : '';
    const how = 'exit' in body ? ` ${body.exit?.code ?? null}` : '';
    kinds.push(`${body.kind.replace('container-', '')}${of}${how}`);
  });
  return { events, kinds };
}

test('nothing is told of a container before it is there', () => {
  const { events, kinds } = container();
  events.exited(null);
  events.settle();
  assert.deepEqual(kinds, []);
  events.created();
  assert.deepEqual(kinds, ['created']);
});

test('an end that is known before the answer to the start is told after it', () => {
  const { events, kinds } = container();
  events.created();
  events.starting();
  events.exited(exit);
  assert.deepEqual(kinds, ['created']);
  events.started();
  assert.deepEqual(kinds, ['created', 'started', 'exited 0']);
});

test('a start that fails ends with the end alone', () => {
  const { events, kinds } = container();
  events.created();
  events.starting();
  events.exited(null);
  events.settle();
  events.deleted(null);
  assert.deepEqual(kinds, ['created', 'exited null', 'deleted null']);
});

test('the end of a container is the last of its processes’ ends, each told once', () => {
  const { events, kinds } = container();
  events.created();
  events.starting();
  events.started();
  for (const id of ['a', 'b', 'c']) events.execStarted(id);
  events.execExited('a', oom);
  events.exited(oom);
  events.execExited('b', exit);
  events.deleted(oom);
  events.execExited('c', exit);
  assert.deepEqual(kinds, [
    ...['created', 'started', 'exec-started a', 'exec-started b', 'exec-started c'],
    ...['oom', 'exec-exited a 137', 'exec-exited b 0'],
    ...['exec-exited c null', 'oom', 'exited 137', 'deleted 137'],
  ]);
});

test('a guest that never tells the end of a process holds up that of its container only for a while', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { events, kinds } = container();
  events.created();
  events.starting();
  events.started();
  events.execStarted('a');
  events.exited(exit);
  t.mock.timers.tick(1_999);
  assert.equal(kinds.includes('exited 0'), false);
  t.mock.timers.tick(1);
  assert.deepEqual(kinds.slice(-2), ['exec-exited a null', 'exited 0']);
});

test('an end waits for the answer to the start, however long that takes to come', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { events, kinds } = container();
  events.created();
  events.starting();
  events.exited(exit);
  t.mock.timers.tick(60_000);
  assert.deepEqual(kinds, ['created']);
  events.started();
  assert.deepEqual(kinds, ['created', 'started', 'exited 0']);
});
