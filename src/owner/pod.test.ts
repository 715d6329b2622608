// Tests of pods over both their interfaces: in this process, and over the sockets that an owner serves.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PodWorld } from '../testing/pod-world.js';
import { connectPod } from './client/connect-pod.js';
import { KeptOutputs } from './io/kept-outputs.js';
import { openSockets } from './open-sockets.js';
import { type MakePod, podSuite } from './pod.suite.js';

const local: MakePod = async (crun = {}) => {
  const world = new PodWorld({ crun });
  const pod = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  return { world, pod, dispose: () => pod.delete({ force: true }) };
};

const remote: MakePod = async (crun = {}) => {
  const root = await mkdtemp(path.join(tmpdir(), 'virtc-owner-'));
  const outputs = new KeptOutputs(async () => null);
  const keepOutput = outputs.keep.bind(outputs);
  const world = new PodWorld({ root, crun, keepOutput });
  const own = await world.runtime.createPod({ id: 'p', hostname: 'box' });
  const directory = path.join(root, 'p');
  const server = await openSockets(own, { directory, outputs });
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
};

podSuite('in this process', local);
podSuite('over sockets', remote);
