import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  mkdtemp,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { guestImageFormat, guestImageRoles } from '../../model/guest-image.js';
import { openGuestImage } from './guest-image.js';

const libRoot = await mkdtemp(path.join(tmpdir(), 'virtc-images-'));
after(() => rm(libRoot, { recursive: true, force: true }));
const directory = path.join(libRoot, 'guest/abc');
const names = {
  kernel: 'vmlinux',
  initrd: 'initrd.cpio',
  rootImage: 'root.erofs',
  memoryPreload: 'read-only-memory.so',
};

type Manifest = Record<string, unknown> & { files: Record<string, Record<string, unknown>> };

async function manifestOf(): Promise<Manifest> {
  const files: Manifest['files'] = {};
  for (const role of guestImageRoles) {
    const { size, ino, mtimeNs } = await stat(path.join(directory, names[role]), { bigint: true });
    files[role] = {
      name: names[role],
      sha512: 'a'.repeat(128),
      sizeBytes: Number(size),
      inode: String(ino),
      mtimeNs: String(mtimeNs),
    };
  }
  return {
    format: guestImageFormat,
    id: 'abc',
    architecture: 'x86_64',
    versions: { kernel: '6.1' },
    kernelParameters: ['console=ttyS0', 'quiet'],
    files,
  };
}

async function writeManifest(change: (manifest: Manifest) => void): Promise<void> {
  const manifest = await manifestOf();
  change(manifest);
  await writeFile(path.join(directory, 'manifest.json'), JSON.stringify(manifest));
}

beforeEach(async () => {
  await rm(path.join(libRoot, 'guest'), { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  for (const role of guestImageRoles)
    await writeFile(path.join(directory, names[role]), `the ${role}`);
  await writeManifest(() => {});
  await symlink('abc', path.join(libRoot, 'guest/current'));
});

test('the current image is opened under its own name', async () => {
  assert.deepEqual(await openGuestImage({ libRoot }), {
    id: 'abc',
    directory,
    kernel: path.join(directory, 'vmlinux'),
    initrd: path.join(directory, 'initrd.cpio'),
    rootImage: path.join(directory, 'root.erofs'),
    rootImageBytes: 'the rootImage'.length,
    memoryPreload: path.join(directory, 'read-only-memory.so'),
    kernelParameters: ['console=ttyS0', 'quiet'],
    versions: { kernel: '6.1' },
  });
});

test('another image is opened by its path', async () => {
  const image = await openGuestImage({ libRoot: '/nonexistent', path: directory });
  assert.equal(image.id, 'abc');
});

test('where there is no image, the error says where and what to do', async () => {
  const cases = [
    { libRoot: path.join(libRoot, 'nothing') },
    { libRoot, path: path.join(libRoot, 'guest/other') },
    // A directory without a manifest, and a file.
    { libRoot, path: libRoot },
    { libRoot, path: path.join(directory, 'vmlinux') },
  ];
  for (const options of cases) {
    const wanted = options.path ?? path.join(options.libRoot, 'guest/current');
    await assert.rejects(openGuestImage(options), {
      code: 'not-found',
      message: `cannot open guest image ${wanted}: there is none`,
      hint: 'run virtc setup',
    });
  }
});

const damages: Record<string, { readonly reason: RegExp; readonly damage: () => Promise<void> }> = {
  'a truncated file': {
    reason: /root\.erofs: its size is 3, not 13/,
    damage: () => truncate(path.join(directory, 'root.erofs'), 3),
  },
  'a file of the same size written at another time': {
    reason: /vmlinux: its time of change is 1000000000, not \d+/,
    damage: () => utimes(path.join(directory, 'vmlinux'), 1, 1),
  },
  'a file that was replaced': {
    reason: /initrd\.cpio: its inode is \d+, not \d+/,
    damage: async () => {
      const file = path.join(directory, 'initrd.cpio');
      const { atime, mtime } = await stat(file);
      await writeFile(`${file}.new`, 'the initrd');
      await utimes(`${file}.new`, atime, mtime);
      await rename(`${file}.new`, file);
    },
  },
  'a file that QEMU may not read': {
    reason: /vmlinux: its mode is 600, which QEMU's user may not read/,
    damage: () => chmod(path.join(directory, 'vmlinux'), 0o600),
  },
  'a directory that QEMU may not enter': {
    reason: /its mode is 000, which keeps QEMU's user out/,
    damage: () => chmod(directory, 0),
  },
  'a missing file': {
    reason: /vmlinux: ENOENT/,
    damage: () => rm(path.join(directory, 'vmlinux')),
  },
  'a directory in place of a file': {
    reason: /vmlinux: it is not a regular file/,
    damage: async () => {
      await rm(path.join(directory, 'vmlinux'));
      await mkdir(path.join(directory, 'vmlinux'));
    },
  },
};

for (const [name, { reason, damage }] of Object.entries(damages)) {
  test(`${name} is found, named, and the way out told`, async () => {
    await damage();
    await assert.rejects(
      openGuestImage({ libRoot }),
      (error: Error & { code: string; hint: string }) => {
        assert.equal(error.code, 'internal');
        assert.ok(
          error.message.startsWith(`cannot open guest image ${directory}: it is damaged: `),
        );
        assert.match(error.message, reason);
        assert.equal(error.hint, 'run virtc setup');
        return true;
      },
    );
  });
}

test('a change of permissions alone is no damage', async () => {
  await chmod(path.join(directory, 'vmlinux'), 0o444);
  assert.equal((await openGuestImage({ libRoot })).id, 'abc');
});

const manifests: Record<
  string,
  { readonly reason: RegExp; readonly change: (manifest: Manifest) => void }
> = {
  'without a file': {
    reason: /files\.initrd/,
    change: ({ files }) => delete files['initrd'],
  },
  'that leads out of its directory': {
    reason: /files\.kernel\.name/,
    change: ({ files }) => Object.assign(files['kernel'] ?? {}, { name: '../../etc/shadow' }),
  },
  'with a size that is no number': {
    reason: /files\.kernel\.sizeBytes/,
    change: ({ files }) => Object.assign(files['kernel'] ?? {}, { sizeBytes: '10' }),
  },
  'with a parameter that would be two': {
    reason: /kernelParameters\.1/,
    change: (manifest) => Object.assign(manifest, { kernelParameters: ['quiet', 'a b'] }),
  },
  'without a format': {
    reason: /format/,
    change: (manifest) => delete manifest['format'],
  },
};

for (const [name, { reason, change }] of Object.entries(manifests)) {
  test(`a manifest ${name} is refused`, async () => {
    await writeManifest(change);
    await assert.rejects(openGuestImage({ libRoot }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'internal');
      assert.match(error.message, /manifest\.json is damaged/);
      assert.match(error.message, reason);
      return true;
    });
  });
}

test('a manifest that is not JSON is refused', async () => {
  for (const text of ['', '{"format":1', 'null', '[]', '\0']) {
    await writeFile(path.join(directory, 'manifest.json'), text);
    await assert.rejects(openGuestImage({ libRoot }), {
      code: 'internal',
      hint: 'run virtc setup',
    });
  }
});

test('an image of another version is told by name', async () => {
  for (const [format, age] of [
    [guestImageFormat - 1, 'an older'],
    [guestImageFormat + 1, 'a newer'],
  ] as const) {
    await writeManifest((manifest) => Object.assign(manifest, { format, files: 'elsewhere' }));
    await assert.rejects(openGuestImage({ libRoot }), {
      code: 'unsupported',
      message: `cannot open guest image ${directory}: ${age} version of virtcontainers has made it (format ${format}, this one reads ${guestImageFormat})`,
      hint: 'run virtc setup',
    });
  }
});
