// Connects to a socket in a directory that the other side may write, whatever its path's length, following no link.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { abortError, throwIfAborted, VirtcontainersError } from '../errors.js';

// include/uapi/asm-generic/fcntl.h; not from `native`, which loads what a small client does not need.
const O_PATH = 0o10000000;

export interface DialOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a Unix socket. The file itself is opened first and must be a socket: a link put in its place would
 * connect a trusted process to whatever it names. The descriptor's short name also lifts the limit of 107 bytes.
 * @throws the system's error (ENOENT, ECONNREFUSED), or VirtcontainersError `unavailable` if it is no socket
 */
export async function dialSocket(path: string, options: DialOptions): Promise<Socket> {
  throwIfAborted(options.signal, options.what);
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(fd).isSocket()) {
      throw new VirtcontainersError('unavailable', `${options.what}: ${path} is not a socket`);
    }
    return await connected(connect(`/proc/self/fd/${fd}`), options);
  } finally {
    closeSync(fd);
  }
}

function connected(socket: Socket, { signal, what }: DialOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => {
      settle();
      socket.on('error', () => {}).destroy();
      if (signal !== undefined) reject(abortError(signal, what));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('connect', () => {
      settle();
      resolve(socket);
    });
  });
}
