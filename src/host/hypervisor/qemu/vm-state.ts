// Saves the state of a stopped VM without its memory, and loads it into another.
import { once } from 'node:events';
import { chown, type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { addAbortSignal } from 'node:stream';
import { waitFor } from '../../../base/deadline.js';
import { VirtcontainersError } from '../../../base/errors.js';
import { jailUserId } from '../../../base/namespaces/jail.js';
import { Undo } from '../../../base/undo.js';
import { printable } from '../../../base/untrusted-text.js';
import type { QmpClient } from './qmp-client.js';
import { isObject } from './qmp-decoder.js';
import { stateSocketName } from './vm-shape.js';

/** Longest wait for a state to be saved or loaded, in milliseconds: 20 on a quiet machine. */
const migrationMs = 20_000;
/** Largest state that is taken, in bytes: it has half a MiB. */
const maxStateBytes = 64 * 1024 * 1024;

/** The descriptor at which QEMU finds the state that it loads: the first one that it inherits. */
export const stateFd = 3;

/** The memory is in a file that both sides map, so it is not part of the state; the end is told by an event. */
const capabilities = ['x-ignore-shared', 'events'].map((capability) => ({
  capability,
  state: true,
}));

export interface MigrationOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** Reads the state from `stateFd` into a QEMU that was started with `-incoming defer`; the guest stands still after it. */
export async function loadState(qmp: QmpClient, options: MigrationOptions): Promise<void> {
  await migrated(qmp, options, async ({ signal }) => {
    // One behind the other without waiting for answers, which come in the same order.
    await Promise.all([
      qmp.execute('migrate-set-capabilities', { capabilities }, { signal }),
      qmp.execute('migrate-incoming', { uri: `fd:${stateFd}` }, { signal }),
    ]);
  });
}

/**
 * Writes the state of a stopped VM to a new file; on failure it is not there.
 * @param directory that of QEMU's sockets, which it can write
 */
export async function saveState(
  qmp: QmpClient,
  directory: string,
  file: string,
  options: MigrationOptions,
): Promise<void> {
  const socketPath = path.join(directory, stateSocketName);
  // Its short name lifts the limit of 107 bytes.
  const opened = await open(directory, 'r');
  const server = createServer();
  try {
    await listen(server, `/proc/self/fd/${opened.fd}/${stateSocketName}`);
    await chown(socketPath, jailUserId, jailUserId);
    await transfer(qmp, server, file, options);
  } finally {
    server.close();
    await rm(socketPath, { force: true });
    await opened.close();
  }
}

async function listen(server: Server, socketPath: string): Promise<void> {
  server.listen(socketPath);
  await once(server, 'listening');
}

/** Has QEMU send its state to the server, and takes it; neither side goes on when the other has given up. */
async function transfer(
  qmp: QmpClient,
  server: Server,
  file: string,
  { what, signal }: MigrationOptions,
): Promise<void> {
  const ending = new AbortController();
  const receiving = receive(server, file, { what, signal: ending.signal });
  receiving.catch((error: unknown) => ending.abort(error));
  const signals = signal === undefined ? [ending.signal] : [ending.signal, signal];
  const bounds = { what, signal: AbortSignal.any(signals) };
  try {
    await migrated(qmp, bounds, async (call) => {
      await qmp.execute('migrate-set-capabilities', { capabilities }, call);
      await qmp.execute('migrate', { uri: `unix:${stateSocketName}` }, call);
    });
    await waitFor(receiving, { ...bounds, timeoutMs: migrationMs });
  } catch (error) {
    ending.abort(error);
    const refusal: unknown = await receiving.then(
      () => rm(file, { force: true }),
      (reason) => reason,
    );
    // Of a state that was not taken QEMU knows only that its connection has ended.
    const isOurs = refusal instanceof Error && refusal.name !== 'AbortError';
    throw isOurs && signal?.aborted !== true ? refusal : error;
  }
}

interface ReceiveOptions {
  readonly what: string;
  readonly signal: AbortSignal;
}

/** The first connection is QEMU's; what it sends is written until it closes. */
async function receive(server: Server, file: string, options: ReceiveOptions): Promise<void> {
  const { signal } = options;
  const [socket] = (await once(server, 'connection', { signal })) as [Socket];
  // It may fail before anybody reads; whoever reads is told then.
  addAbortSignal(
    signal,
    socket.on('error', () => {}),
  );
  try {
    await Undo.run(async (undo) => {
      const handle = await open(file, 'wx', 0o600);
      undo.add(`remove ${file}`, () => rm(file, { force: true }));
      try {
        await write(socket, handle, options);
      } finally {
        await handle.close();
      }
    });
  } finally {
    socket.destroy();
  }
}

async function write(
  socket: AsyncIterable<Uint8Array>,
  handle: FileHandle,
  { what }: ReceiveOptions,
): Promise<void> {
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += chunk.length;
    if (bytes > maxStateBytes) {
      const reason = `its state has more than ${maxStateBytes} bytes`;
      throw new VirtcontainersError('internal', `${what}: ${reason}`);
    }
    await handle.writeFile(chunk);
  }
  await handle.sync();
}

/** Begins a migration and waits for its end, which QEMU tells by an event. */
async function migrated(
  qmp: QmpClient,
  { what, signal }: MigrationOptions,
  begin: (options: { readonly signal: AbortSignal | undefined }) => Promise<void>,
): Promise<void> {
  let stop: () => void = () => {};
  const ended = new Promise<string>((resolve) => {
    stop = qmp.onEvent(({ name, data }) => {
      const { status } = data;
      if (name === 'MIGRATION' && (status === 'completed' || status === 'failed')) resolve(status);
    });
  });
  // A connection that ends says nothing more.
  const lost = qmp.closed.then((): never => {
    throw new VirtcontainersError('unavailable', `${what}: the connection to QEMU ended`);
  });
  lost.catch(() => {});
  try {
    await begin({ signal });
    const status = await waitFor(Promise.race([ended, lost]), {
      what,
      signal,
      timeoutMs: migrationMs,
    });
    if (status === 'completed') return;
    throw new VirtcontainersError('internal', `${what}: ${await whyFailed(qmp)}`);
  } finally {
    stop();
  }
}

async function whyFailed(qmp: QmpClient): Promise<string> {
  const answer = await qmp.execute('query-migrate').catch(() => undefined);
  const text = isObject(answer) ? answer['error-desc'] : undefined;
  return typeof text === 'string' ? printable(text, 1000) : 'QEMU says that it failed';
}
