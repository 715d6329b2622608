// Tests of pods over both their interfaces: in this process, and over the sockets that an owner serves.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PodWorld } from '../testing/pod-world.js';
import { connectPod } from './client/connect-pod.js';
import { type PodUnderTest, podSuite } from './pod.suite.js';
import { servePod } from './pod-server.js';

async function local(): Promise<PodUnderTest> {
  const world = new PodWorld();
  const pod = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  return { world, pod, dispose: () => pod.delete({ force: true }) };
}

async function remote(): Promise<PodUnderTest> {
  const root = await mkdtemp(path.join(tmpdir(), 'virtc-owner-'));
  const world = new PodWorld({ root });
  const own = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  const directory = path.join(root, 'p');
  const server = await servePod(own, { directory, version: '0.0.0-test', keepsOutput: true });
  const pod = await connectPod({ podId: 'p', directory });
  return {
    world,
    pod,
    dispose: async () => {
      await own.delete({ force: true });
      await server.close();
      await rm(root, { recursive: true });
    },
  };
}

podSuite('in this process', local);
podSuite('over sockets', remote);
