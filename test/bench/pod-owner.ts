// Owns pods until its input ends: each line makes one more, with a container that sleeps, and prints how long it took.
import { createInterface } from 'node:readline';
import { createRuntime, type Pod } from '../../src/index.js';
import { rssMiB } from './memory.js';

const [rootfs = ''] = process.argv.slice(2);
const runtime = createRuntime();
const pods: Pod[] = [];
console.log(rssMiB());
for await (const _line of createInterface({ input: process.stdin })) {
  const begin = performance.now();
  const pod = await runtime.createPod();
  pods.push(pod);
  const container = await pod.createContainer({ rootfs, command: ['sleep', 'infinity'] });
  await container.start();
  console.log(performance.now() - begin);
}
for (const pod of pods) await pod.delete({ force: true });
