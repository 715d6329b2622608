// Receives a descriptor over a Unix socket.
import { closeSync } from 'node:fs';
import { addressOf, check, cString, declare, lastErrno, SystemError } from './libc.js';

const socket = declare('int socket(int, int, int)');
const bind = declare('int bind(int, void *, uint)');
const listen = declare('int listen(int, int)');
const accept4 = declare('int accept4(int, void *, void *, int)');
const recvmsg = declare('long recvmsg(int, void *, int)');

/** A listening Unix socket over which a peer can send one descriptor (crun's --console-socket). */
export class DescriptorSocket {
  readonly #fd: number;

  /** @param path at most 107 bytes */
  constructor(path: string) {
    const AF_UNIX = 1;
    const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    if (Buffer.byteLength(path) > 107)
      throw new RangeError(`a socket's path has at most 107 bytes: ${path}`);
    address.write(cString(path), 2);
    this.#fd = check(socket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), 'socket');
    try {
      check(bind(this.#fd, address, address.length), 'bind', path);
      check(listen(this.#fd, 1), 'listen', path);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** The descriptor that a peer has sent; null if none has yet. It has close-on-exec set; the caller closes it. */
  receive(): number | null {
    const SOCK_CLOEXEC = 0o2000000;
    const MSG_CMSG_CLOEXEC = 0x4000_0000;
    const EAGAIN = 11;
    const connection = accept4(this.#fd, null, null, SOCK_CLOEXEC) as number;
    if (connection < 0) {
      const errno = lastErrno();
      if (errno === EAGAIN) return null;
      throw new SystemError('accept4', errno, '');
    }
    try {
      const data = Buffer.alloc(4096);
      const control = Buffer.alloc(24);
      const vector = Buffer.alloc(16);
      vector.writeBigUInt64LE(addressOf(data), 0);
      vector.writeBigUInt64LE(BigInt(data.length), 8);
      const message = Buffer.alloc(56);
      message.writeBigUInt64LE(addressOf(vector), 16);
      message.writeBigUInt64LE(1n, 24);
      message.writeBigUInt64LE(addressOf(control), 32);
      message.writeBigUInt64LE(BigInt(control.length), 40);
      check(recvmsg(connection, message, MSG_CMSG_CLOEXEC), 'recvmsg');
      const SOL_SOCKET = 1;
      const SCM_RIGHTS = 1;
      const carriesDescriptor =
        message.readBigUInt64LE(40) >= 20n &&
        control.readInt32LE(8) === SOL_SOCKET &&
        control.readInt32LE(12) === SCM_RIGHTS;
      if (!carriesDescriptor) throw new Error('the peer sent no descriptor');
      return control.readInt32LE(16);
    } finally {
      closeSync(connection);
    }
  }

  /** Closes the socket; removing its file is the caller's. */
  close(): void {
    closeSync(this.#fd);
  }
}
