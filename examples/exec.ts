// Keeps a container running and runs more processes in it; progress and timings are those of the pod.
import { createRuntime } from 'virtcontainers';
import { rootFileSystem } from './root-file-system.js';

const rootfs = rootFileSystem();
const runtime = createRuntime({
  onProgress: ({ step, phase }) => {
    if (phase === 'begin') console.error(`${step}…`);
  },
});

await using pod = await runtime.createPod({ hostname: 'workbench' });
const container = await pod.createContainer({ rootfs, command: ['sleep', 'infinity'] });
await container.start();

for (const command of [
  ['hostname'],
  ['sh', '-c', 'echo hello > /tmp/greeting'],
  ['cat', '/tmp/greeting'],
]) {
  const { code, stdout } = await container.run(command);
  console.log(`${command.join(' ')} -> ${code} ${stdout.trim()}`);
}

// sleep does not listen for SIGTERM: after the grace it is killed.
await container.stop({ graceMs: '200ms' });
for (const { step, durationMs } of pod.timings)
  console.error(`${step}: ${durationMs.toFixed()} ms`);
