// How the agent starts where its snapshot does not fit the guest's processor: from its bundle.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { writeCpio } from '../../guest-image/cpio.js';
import { hashBytes, hashFile } from '../../guest-image/hash.js';
import { installImage } from '../../guest-image/install.js';
import { openGuestImage } from '../../src/host/images/guest-image.js';
import { debian, E2e } from './harness.js';

const e2e = new E2e('guest-agent');

/** A lib root whose image is the installed one but for its snapshot, which is empty. */
async function libRootWithoutSnapshot(): Promise<string> {
  const libRoot = path.join(e2e.scratch, 'other');
  const directory = path.join(libRoot, 'guest');
  const scratch = path.join(e2e.scratch, 'install');
  mkdirSync(libRoot, { mode: 0o700 });
  for (const folder of [directory, scratch]) mkdirSync(folder);
  const image = await openGuestImage({ libRoot: e2e.libRoot });
  // The kernel unpacks archives one after another: the later file wins.
  const empty = writeCpio([{ kind: 'file', name: 'agent.blob', data: Buffer.alloc(0) }]);
  const initrd = Buffer.concat([readFileSync(image.initrd), empty]);
  // Copies: the installed image may lie on another file system.
  const kept = async (file: string) => ({
    name: path.basename(file),
    sha512: await hashFile(file),
    from: { kind: 'data', data: readFileSync(file) } as const,
  });
  await installImage(directory, scratch, {
    versions: image.versions,
    kernelParameters: image.kernelParameters,
    files: {
      kernel: await kept(image.kernel),
      rootImage: await kept(image.rootImage),
      memoryPreload: await kept(image.memoryPreload),
      initrd: {
        name: 'initrd.cpio',
        sha512: hashBytes(initrd),
        from: { kind: 'data', data: initrd },
      },
    },
  });
  return libRoot;
}

test('an agent whose snapshot does not fit starts from its bundle and runs containers', async () => {
  const runtime = e2e.runtime({ libRoot: await libRootWithoutSnapshot() });
  const pod = await runtime.createPod();
  try {
    const container = await pod.createContainer({
      rootfs: debian,
      command: ['echo', 'from the bundle'],
    });
    await container.start();
    assert.equal(await text(container.stdout), 'from the bundle\n');
    assert.equal((await container.wait()).code, 0);
  } finally {
    await pod.delete({ force: true });
  }
  await e2e.assertNothingLeft();
});
