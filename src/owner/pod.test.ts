// Tests of pods over both their interfaces: in this process, and over the sockets that an owner serves.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directStreams } from '../testing/direct-streams.js';
import { PodWorld } from '../testing/pod-world.js';
import { connectPod } from './client/connect-pod.js';
import { type MakePod, podSuite } from './pod.suite.js';
import { servePod } from './pod-server.js';

const local: MakePod = async (crun = {}) => {
  const world = new PodWorld({ crun });
  const pod = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  return { world, pod, dispose: () => pod.delete({ force: true }) };
};

const remote: MakePod = async (crun = {}) => {
  const root = await mkdtemp(path.join(tmpdir(), 'virtc-owner-'));
  const world = new PodWorld({ root, crun });
  const own = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  const directory = path.join(root, 'p');
  const server = await servePod(own, { directory, version: '0.0.0-test', keepsOutput: true });
  const streams = directStreams(() => server);
  const pod = await connectPod({ podId: 'p', directory, streams });
  return {
    world,
    pod,
    dispose: async () => {
      await own.delete({ force: true });
      await server.close();
      await rm(root, { recursive: true });
    },
  };
};

podSuite('in this process', local);
podSuite('over sockets', remote);
