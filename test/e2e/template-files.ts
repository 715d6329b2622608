// The template of a test file as it lies on disk: where its parts are, their hashes, and what their bytes hold.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** A template's parts, and the directories that keep others from them. */
export interface StoredFiles {
  /** The store, the template's own directory, and the one of this generation of it. */
  readonly directories: readonly string[];
  readonly memory: string;
  readonly state: string;
  readonly manifest: string;
  /** The generation that this one has replaced a short while ago. */
  readonly previous: string | null;
}

/** The only template of a lib root. */
export function storedTemplate(libRoot: string): StoredFiles {
  const root = path.join(libRoot, 'templates');
  const [id, ...others] = readdirSync(root).filter((name) => /^[0-9a-f]{32}$/.test(name));
  assert.ok(id !== undefined && others.length === 0, `not one template in ${root}`);
  const directory = path.join(root, id);
  const manifest = path.join(directory, 'manifest.json');
  const { generation, previous } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly generation: string;
    readonly previous: string | null;
  };
  const parts = path.join(directory, generation);
  return {
    directories: [root, directory, parts],
    memory: path.join(parts, 'memory'),
    state: path.join(parts, 'state'),
    manifest,
    previous,
  };
}

/** What must not change of a template's parts while clones use it. */
export async function fingerprint({ memory, state }: StoredFiles): Promise<readonly string[]> {
  return await Promise.all(
    [memory, state].map(async (file) => {
      const { ino, size, mode, uid, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true });
      const facts = [ino, size, mode.toString(8), uid, mtimeNs, ctimeNs].join(' ');
      return `${path.basename(file)}: ${facts} ${await sha256Of(file)}`;
    }),
  );
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** Which of some texts, as one byte or two bytes a character, a file holds. */
export async function textsIn(file: string, texts: readonly string[]): Promise<readonly string[]> {
  const needles = texts.flatMap((text) =>
    (['latin1', 'utf16le'] as const).map((encoding) => ({
      text,
      bytes: Buffer.from(text, encoding),
    })),
  );
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  const found = new Set<string>();
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes })) {
    const window = Buffer.concat([tail, chunk as Buffer]);
    // Most of a template's memory is a hole.
    if (!window.equals(zeros.subarray(0, window.length))) {
      for (const { text, bytes } of needles) if (window.includes(bytes)) found.add(text);
    }
    tail = window.subarray(-longest);
  }
  return [...found];
}

const chunkBytes = 4 * 1024 * 1024;
const zeros = Buffer.alloc(2 * chunkBytes);

/** Copies the only template of a lib root to a directory, which is made. */
export function copyTemplate(libRoot: string, to: string): void {
  const { directories } = storedTemplate(libRoot);
  copyTree(directories[1] ?? '', to);
}

/**
 * Puts a copy of a template in the place of the one that a lib root has or has had: as whole as the first, only that its
 * memory is another file, which its manifest names.
 */
export function putBack(copy: string, libRoot: string): void {
  const manifest = JSON.parse(readFileSync(path.join(copy, 'manifest.json'), 'utf8'));
  const directory = path.join(libRoot, 'templates', manifest.id);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(path.dirname(directory), { recursive: true, mode: 0o700 });
  copyTree(copy, directory);
  const { size, ino, mtimeNs, ctimeNs } = lstatSync(
    path.join(directory, manifest.generation, 'memory'),
    { bigint: true },
  );
  const memory = {
    sizeBytes: Number(size),
    inode: String(ino),
    mtimeNs: String(mtimeNs),
    ctimeNs: String(ctimeNs),
  };
  const text = JSON.stringify({ ...manifest, memory });
  writeFileSync(path.join(directory, 'manifest.json'), text, { mode: 0o600 });
}

function copyTree(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', '--sparse=always', from, to]);
  assert.equal(status, 0, String(stderr));
}
