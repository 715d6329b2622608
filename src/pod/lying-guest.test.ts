// Takes a pod through its life while its guest lies about one call: whatever the lie, everything ends in time and a forced delete leaves nothing.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { isVirtcontainersError } from '../base/errors.js';
import { agentCallTimeoutMs, bootTimeoutMs } from '../model/limits.js';
import type { Container, Pod, Process } from '../model/pod.js';
import { type Lie, liesOf, serveLying } from '../testing/lying-guest.js';
import { anyDirectory, PodWorld } from '../testing/pod-world.js';
import { Agent as AgentService } from '../wire/gen/agent_pb.js';
import { unaryMethods } from '../wire/ttrpc/service.js';

const lies = liesOf(agentCallTimeoutMs + 1_000);
/** Longest that one step of a life may take, in milliseconds: a boot, and the clean-up after it. */
const longestStepMs = bootTimeoutMs + 2 * agentCallTimeoutMs;

function lyingWorld(method: DescMethodUnary, lie: Lie): PodWorld {
  const world = new PodWorld();
  // A guest with which no handshake succeeds has no pod: see the agent's tests.
  const spared = method === AgentService.method.handshake ? 1 : 0;
  world.hypervisor.serve = (connection, service, vm) =>
    serveLying(connection, service, { method, lie, spared, cut: () => vm.loseAgent() });
  return world;
}

/** Lets fake time pass until a step has ended; its error must have a name, and its end must come in time. */
async function ended<T>(context: TestContext, step: string, work: Promise<T>): Promise<T | null> {
  let result: { readonly value: T | null } | undefined;
  work.then(
    (value) => {
      result = { value };
    },
    (error: unknown) => {
      const isOurs = isVirtcontainersError(error) && /^cannot .+: ./.test(error.message);
      // Node's own, where a stream ended below its user.
      const isEnd = /ERR_STREAM_DESTROYED|ERR_STREAM_PREMATURE_CLOSE|EPIPE/.test(codeOf(error));
      assert.ok(isOurs || isEnd, `${step}: ${String(error)}`);
      assert.doesNotMatch((error as Error).message, /\p{Cc}/u, step);
      result = { value: null };
    },
  );
  for (let passedMs = 0; passedMs <= longestStepMs; passedMs += 500) {
    for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (result !== undefined) return result.value;
    context.mock.timers.tick(500);
  }
  return assert.fail(`${step} has not ended after ${longestStepMs} ms`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

// Made with the timers of the test, whose time is fake.
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function life(context: TestContext, pod: Pod, open: Promise<unknown>[]): Promise<void> {
  const step = <T>(name: string, work: Promise<T>) => ended(context, name, work);
  const options = { id: 'c', rootfs: anyDirectory, memoryMiB: 1024, stdin: true, terminal: true };
  const made = pod.createContainer({ ...options, command: ['cat'] });
  const container: Container | null = await step('create', made);
  if (container === null) return;
  await step('start', container.start());
  const running = container.exec(['echo', 'hi'], { stdin: true });
  const process: Process | null = await step('exec', running);
  if (process !== null) {
    const written = new Promise<void>((resolve, reject) => {
      process.stdin.end('input', (error?: Error | null) => (error ? reject(error) : resolve()));
      process.stdin.once('close', resolve);
    });
    // A guest that answers other calls may be silent about a process for ever: what waits for that one ends with its VM.
    const waiting = [written, drained(process.stdout), process.wait()];
    const first = Promise.race([Promise.allSettled(waiting), pause(5_000)]);
    await step('first waits', first);
    open.push(...waiting);
    await step('kill', process.kill('SIGTERM'));
  }
  await step('resize', container.resize({ columns: 10, rows: 20 }));
  await step('status', container.status());
  await step('stop', container.stop({ graceMs: 100 }));
  await step('delete', container.delete());
}

for (const method of unaryMethods(AgentService)) {
  test(`whatever the guest says to ${method.name}, a pod's life goes on or ends in time, and nothing is left`, async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    for (const lie of lies) {
      const where = `${method.name} answered by ${lie.name}`;
      const world = lyingWorld(method, lie);
      const create = world.runtime.createPod({ id: 'p' });
      const pod = await ended(context, `${where}: create pod`, create);
      if (pod !== null) {
        const open: Promise<unknown>[] = [];
        await life(context, pod, open);
        await ended(context, `${where}: delete`, pod.delete({ force: true }));
        for (const waiting of open) await ended(context, `${where}: a wait`, waiting);
      }
      world.assertNothingLeft(where);
      assert.ok(
        world.hypervisor.vms.every((vm) => vm.stopped),
        `${where}: a VM keeps its files open`,
      );
    }
  });
}
