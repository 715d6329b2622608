// Owns a pod until it is killed; prints the pod's steps and `ready` when its container runs. Arguments: run root, lib root, root, id.
import { createRuntime } from '../../../src/index.js';

const [runRoot = '', libRoot = '', rootfs = '', id = ''] = process.argv.slice(2);
const runtime = createRuntime({
  runRoot,
  libRoot,
  onProgress: ({ step, phase }) => console.log(`${step} ${phase}`),
});
const pod = await runtime.createPod({ id });
const container = await pod.createContainer({ rootfs, command: ['sleep', 'infinity'] });
await container.start();
console.log('ready');
await container.wait();
