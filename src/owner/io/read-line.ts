// Reads the line that a raw stream begins with; what follows it stays in the socket.
import type { Socket } from 'node:net';
import { maxLineBytes } from './io-protocol.js';

/**
 * @returns the line without its end
 * @throws Error where it is too long, does not come in time (milliseconds), or the other side ends before it
 */
export function readLine(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => fail('no line has come'), timeoutMs).unref();
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onEnd);
      socket.pause();
    };
    const fail = (reason: string): void => {
      settle();
      reject(new Error(reason));
    };
    const onError = (error: Error): void => fail(error.message);
    const onEnd = (): void => fail('it has ended');
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf(0x0a);
      length += end < 0 ? chunk.length : end;
      if (length > maxLineBytes) {
        fail('its first line is too long');
        return;
      }
      if (end < 0) {
        chunks.push(chunk);
        return;
      }
      settle();
      const rest = chunk.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      resolve(Buffer.concat([...chunks, chunk.subarray(0, end)]).toString('utf8'));
    };
    socket.on('data', onData).once('end', onEnd).once('error', onError).once('close', onEnd);
  });
}
