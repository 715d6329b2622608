// Listens on a socket in a directory of ours, whatever its path's length, in place of whatever was left there.
import { chmodSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

export interface ListenOptions {
  /** Connections at the same time; more are ended as they come. */
  readonly maxConnections: number;
  /** Has the connection from then on, its errors included. */
  readonly onConnection: (socket: Socket) => void;
}

/** A socket that is listened on; it does not keep the process alive. */
export interface ListeningSocket {
  /** Takes no more connections and removes the socket's file; those that are there stay. Safe to repeat. */
  close(): Promise<void>;
}

/**
 * Listens on a Unix socket that only its user may connect to: the directory must let nobody else in.
 * @throws the system's error
 */
export async function listenOn(
  directory: string,
  name: string,
  { maxConnections, onConnection }: ListenOptions,
): Promise<ListeningSocket> {
  // Kept open: when the server closes, Node removes the file by the name that it was bound with.
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const path = `/proc/self/fd/${fd}/${name}`;
    rmSync(path, { force: true });
    // Half-open: what a client has sent before it ended its side is still answered.
    const server = createServer({ allowHalfOpen: true }, onConnection);
    server.maxConnections = maxConnections;
    await listening(server, path);
    chmodSync(path, 0o600);
    server.unref();
    let closing: Promise<void> | undefined;
    return {
      close: () => {
        closing ??= closed(server, fd);
        return closing;
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(path, () => {
      server.off('error', reject);
      // A connection that could not be accepted is the client's loss, not this process' end.
      server.on('error', () => {});
      resolve();
    });
  });
}

// The file goes at once. Connections go on, so that the server's own end is not waited for.
async function closed(server: Server, fd: number): Promise<void> {
  server.close();
  closeSync(fd);
}
