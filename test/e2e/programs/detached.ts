// Makes a detached pod with a container in it and ends; prints the pod's steps, and `made` or the error's code. Arguments: run root, lib root, root, id.
import { setTimeout as sleep } from 'node:timers/promises';
import { createRuntime, isVirtcontainersError } from '../../../src/index.js';

const [runRoot = '', libRoot = '', rootfs = '', id = ''] = process.argv.slice(2);
const runtime = createRuntime({
  runRoot,
  libRoot,
  onProgress: ({ step, phase }) => console.log(`${step} ${phase}`),
});
try {
  const pod = await runtime.createPod({ id, detached: true });
  const script = 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done';
  const box = await pod.createContainer({
    id: `${id}-box`,
    rootfs,
    command: ['sh', '-c', script],
  });
  await box.start();
  // Beside the shell there is its sleep: what comes before the loop is done.
  while ((await box.processes()).total < 2) await sleep(50);
  console.log('made');
} catch (error) {
  if (!isVirtcontainersError(error)) throw error;
  console.log(`failed: ${error.code}: ${error.message}`);
}
