// A pod, a container, its output, how it ended: the five lines of the README.
import { createPod } from 'virtcontainers';
import { rootFileSystem } from './root-file-system.js';

const rootfs = rootFileSystem();

await using pod = await createPod({ memoryMiB: '512MiB' });
const container = await pod.createContainer({ rootfs, command: ['uname', '-r'] });
container.stdout.pipe(process.stdout);
await container.start();
console.error(await container.wait());
