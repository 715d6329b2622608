// Hashes of files and of plain data.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** SHA-512 of a file's content, hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** SHA-512 of bytes, hexadecimal. */
export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex');
}

/** A short name for plain data: equal data gives equal names. */
export function hashData(data: unknown): string {
  return hashBytes(Buffer.from(JSON.stringify(data))).slice(0, 32);
}
