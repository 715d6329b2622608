// What `--env-file FILE` means: docker's format, to the letter.
import { open } from 'node:fs/promises';
import { errnoOf, reasonOf } from '../../../base/errors.js';
import { badFlag } from '../flag-values.js';

/** Largest file, in bytes; what is longer does not fit a container's configuration anyway. */
const maxBytes = 2 * 1024 * 1024;

/** The entries of files in their order, as `-e` takes them. @throws VirtcontainersError `invalid-argument`, `not-found` */
export async function readEnvFiles(files: readonly string[]): Promise<readonly string[]> {
  const entries: string[] = [];
  for (const file of files) entries.push(...parseEnvFile(await read(file), file));
  return entries;
}

/**
 * A line is `NAME=VALUE` or `NAME`; spaces before it are cut off, those in and after the value are part of it, as
 * are quotes. Empty lines and lines that begin with # are skipped.
 * @throws VirtcontainersError `invalid-argument` naming the line
 */
export function parseEnvFile(content: Uint8Array, file: string): readonly string[] {
  const entries: string[] = [];
  for (const [index, bytes] of linesOf(content).entries()) {
    const refuse = (rule: string): never => {
      throw badFlag('--env-file', file, `line ${index + 1} ${rule}`);
    };
    const text = decode(bytes) ?? refuse('is not valid UTF-8');
    const line = (index === 0 ? text.replace(/^\ufeff/, '') : text).trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const [name = ''] = line.split('=', 1);
    if (name === '') refuse(`has no name before the equals sign: ${JSON.stringify(line)}`);
    if (/\s/.test(name)) refuse(`has a name with a space in it: ${JSON.stringify(name)}`);
    if (line.includes('\0')) refuse('has a NUL in it');
    entries.push(line);
  }
  return entries;
}

function linesOf(content: Uint8Array): readonly Buffer[] {
  const lines: Buffer[] = [];
  const all = Buffer.from(content);
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf('\n', at);
    const line = all.subarray(at, end < 0 ? all.length : end);
    lines.push(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
    at += (end < 0 ? all.length : end) - at + 1;
  }
  return lines;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

// By hand, as it may be a pipe or a device without an end.
async function read(file: string): Promise<Buffer> {
  if (file === '') throw badFlag('--env-file', file, 'it must be a path');
  try {
    const handle = await open(file, 'r');
    try {
      const chunks: Buffer[] = [];
      let length = 0;
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024);
        if (bytesRead === 0) return Buffer.concat(chunks);
        chunks.push(buffer.subarray(0, bytesRead));
        length += bytesRead;
        if (length > maxBytes) break;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    const missing = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
    const rule = missing
      ? 'there is no such file'
      : `it cannot be read: ${reasonOf(error).replace(/^\w+: /, '')}`;
    throw badFlag('--env-file', file, rule, {
      code: missing ? 'not-found' : 'invalid-argument',
      cause: error,
    });
  }
  throw badFlag('--env-file', file, `it must be at most ${maxBytes / 1024 / 1024} MiB`);
}
