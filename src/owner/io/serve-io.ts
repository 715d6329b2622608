// Serves the streams of a pod's processes as raw bytes: a connection is one stream.
import type { Socket } from 'node:net';
import { finished, type Readable, type Writable } from 'node:stream';
import { type ListeningSocket, listenOn } from '../../base/sockets/listen-on.js';
import {
  type From,
  ioSocketName,
  parseRequest,
  refusal,
  type StreamRequest,
  toLine,
} from './io-protocol.js';
import { readLine } from './read-line.js';

/** Bytes of a stream, and where in it they begin. */
export interface OpenedOutput {
  readonly offset: number;
  /** The connection's from now on: it is destroyed when the reader leaves. */
  readonly bytes: Readable;
}

/** A process as its streams are asked for. */
export interface IoProcess {
  /** Its input; stays open when a client leaves. */
  readonly stdin: Writable;
  /** @throws VirtcontainersError `invalid-state`, `unsupported` */
  openOutput(stream: 'stdout' | 'stderr', from: From): OpenedOutput;
}

export interface ServeIoOptions {
  /** The pod's own directory, which nobody else may enter. */
  readonly directory: string;
  /** @throws VirtcontainersError `not-found` */
  readonly find: (containerId: string, processId: string | null) => IoProcess;
}

/** Streams that are being served; nothing of it keeps the process alive. */
export interface IoServer {
  /** Takes no more connections; lets what ended processes have printed be read, for a second at most. Safe to repeat. */
  close(): Promise<void>;
}

/** A client must say what it wants in that time, in milliseconds. */
const requestTimeoutMs = 10_000;
/** As many as a terminal each for the containers of a large pod, and bounded for whoever opens more. */
const maxConnections = 512;
/** How long readers may take at the end, in milliseconds. */
const closeMs = 1000;

/** @throws the system's error where the socket cannot be made */
export async function serveIo({ directory, find }: ServeIoOptions): Promise<IoServer> {
  const sockets = new Set<Socket>();
  const listening = await listenOn(directory, ioSocketName, {
    maxConnections,
    onConnection: (socket) => {
      socket.unref();
      sockets.add(socket);
      // Whoever leaves in the middle is missed by nobody.
      socket.on('error', () => {}).once('close', () => sockets.delete(socket));
      void answer(socket, find);
    },
  });
  let closing: Promise<void> | undefined;
  return {
    close: () => {
      closing ??= close(listening, sockets);
      return closing;
    },
  };
}

async function close(listening: ListeningSocket, sockets: ReadonlySet<Socket>): Promise<void> {
  await listening.close();
  const gone = [...sockets].map((socket) => new Promise((resolve) => finished(socket, resolve)));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, closeMs);
  });
  await Promise.race([Promise.all(gone), late]);
  clearTimeout(timer);
  for (const socket of sockets) socket.destroy();
}

async function answer(socket: Socket, find: ServeIoOptions['find']): Promise<void> {
  let request: StreamRequest;
  let opened: OpenedOutput | null = null;
  let process: IoProcess;
  let line: string;
  try {
    line = await readLine(socket, requestTimeoutMs);
  } catch {
    socket.destroy();
    return;
  }
  try {
    request = parseRequest(line);
    process = find(request.containerId, request.processId);
    const { stream, from } = request;
    if (stream !== 'stdin') opened = process.openOutput(stream, from);
  } catch (error) {
    socket.end(refusal(error));
    // Until the client ends its side, too.
    socket.resume();
    return;
  }
  socket.write(toLine({ offset: opened?.offset ?? 0 }));
  if (opened === null) takeInput(socket, process.stdin);
  else giveOutput(opened.bytes, socket);
}

function giveOutput(bytes: Readable, socket: Socket): void {
  const leave = (): void => {
    bytes.destroy();
    socket.destroy();
  };
  // What a client says more is not understood. Its end means that it has left: of a silent process nobody would notice it later.
  socket.resume().once('end', leave).once('close', leave);
  bytes.on('error', leave);
  bytes.pipe(socket);
}

/** Passes on what comes; ends our side when the process' stream has taken all. */
function takeInput(socket: Socket, stdin: Writable): void {
  let waiting = 0;
  let hasEnded = false;
  const leave = (): void => {
    stdin.off('drain', onDrain).off('close', leave);
    socket.destroy();
  };
  const onDrain = (): void => {
    socket.resume();
  };
  const settle = (): void => {
    if (!hasEnded || waiting > 0 || socket.destroyed) return;
    stdin.off('drain', onDrain).off('close', leave);
    socket.end();
  };
  stdin.on('drain', onDrain).once('close', leave);
  socket.once('close', leave);
  socket.once('end', () => {
    hasEnded = true;
    settle();
  });
  socket.on('data', (chunk: Buffer) => {
    waiting += 1;
    const more = stdin.write(chunk, (error) => {
      waiting -= 1;
      if (error) leave();
      else settle();
    });
    if (!more) socket.pause();
  });
  socket.resume();
  if (stdin.destroyed || stdin.writableEnded) leave();
}
