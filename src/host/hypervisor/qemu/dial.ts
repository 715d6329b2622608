// Waits for a socket that a VM's process is about to make, and connects to it.
import type { Socket } from 'node:net';
import { sleep } from '../../../base/deadline.js';
import { errnoOf } from '../../../base/errors.js';
import { type DialOptions, dialSocket } from '../../../base/sockets/dial-socket.js';

/** Connects as soon as the socket exists and listens; ends only by success, the signal, or another error. */
export async function dialWhenThere(path: string, options: DialOptions): Promise<Socket> {
  for (;;) {
    try {
      return await dialSocket(path, options);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED') throw error;
    }
    // Under a millisecond of work each time, for some 30 ms.
    await sleep(2, options.signal);
  }
}
