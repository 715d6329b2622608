// Gives a container one directory to read and one to write, and reads the result on the host.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPod } from 'virtcontainers';
import { rootFileSystem } from './root-file-system.js';

const rootfs = rootFileSystem();

// mkdtemp makes a directory that only we can enter: what a guest writes there may have the setuid bit.
const work = await mkdtemp(path.join(tmpdir(), 'volumes-'));
try {
  const [input, output] = [path.join(work, 'input'), path.join(work, 'output')];
  await mkdir(input);
  await mkdir(output);
  await writeFile(path.join(input, 'words.txt'), 'pear\napple\nfig\n');

  await using pod = await createPod();
  const container = await pod.createContainer({
    rootfs,
    command: ['sh', '-c', 'sort /input/words.txt > /output/sorted.txt; echo x > /input/words.txt'],
    mounts: [
      { kind: 'bind', source: input, destination: '/input', readOnly: true },
      { kind: 'bind', source: output, destination: '/output' },
    ],
  });
  container.stderr.pipe(process.stderr); // the shell's complaint: the input is read-only
  await container.start();
  await container.wait();

  console.log(await readFile(path.join(output, 'sorted.txt'), 'utf8'));
} finally {
  await rm(work, { recursive: true });
}
