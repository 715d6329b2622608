// Spawns a process in a jail: namespaces of its own, a root that holds only what it needs, an unprivileged user.
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { VirtcontainersError } from '../errors.js';
import { makePipe } from '../native/pipes.js';
import { span } from '../trace/span.js';
import { usesUserNamespace } from './describe-jail.js';
import { openInherited } from './inherited.js';
import { type Isolation, type JailSpec, jailUserId } from './jail-spec.js';
import { planLauncher } from './launcher.js';
import { type IsolationSupport, idmapUserNamespace, probeIsolation } from './user-namespace.js';
import { type JailedExit, namespaceWorker } from './worker-client.js';
import type { SpawnRequest } from './worker-protocol.js';

export { describeJail, type JailDescription } from './describe-jail.js';
export type { Isolation, JailDevice, JailSpec } from './jail-spec.js';
export { jailIdCount, jailUserId } from './jail-spec.js';
export { type IsolationSupport, probeIsolation } from './user-namespace.js';
export type { JailedExit } from './worker-client.js';

/** A process in a jail. It dies with the process that spawned it, and does not keep that alive. */
export interface JailedProcess {
  readonly pid: number;
  /** What it writes to its standard output and error; must be read, or it blocks when the pipe is full. */
  readonly stderr: Readable;
  /** Resolves once, when it has ended; never rejects. */
  readonly exited: Promise<JailedExit>;
  /** Sends a signal; without effect once it has ended. */
  kill(signal: NodeJS.Signals): void;
  readonly isolation: Isolation;
  /** Makes its writable paths read-only: once it has made its sockets there, it leaves nothing more to be cleaned up. */
  seal(): Promise<void>;
}

/**
 * Does ahead of time what every jail needs (the worker thread, the user namespace, the namespaces of the next jail), so
 * that `spawnInJail` is quicker. Never rejects: what is wrong is said by `spawnInJail`.
 */
export async function prepareJail(): Promise<void> {
  const namespace = idmapUserNamespace();
  namespace.catch(() => {});
  try {
    await (await namespaceWorker()).request({ kind: 'prepare' });
    await namespace;
  } catch {
    // As above.
  }
}

/**
 * Starts a process in a jail; resolves when its launcher runs, which is before the program itself does. On failure
 * nothing is left: every mount lives in the jail's namespace.
 * @throws VirtcontainersError `not-found` or `internal` naming the path that could not be bound or executed
 */
export async function spawnInJail(spec: JailSpec): Promise<JailedProcess> {
  checkSpec(spec);
  // The first worker starts while the host is looked at.
  const [support] = await span('isolation', () =>
    Promise.all([probeIsolation(spec.sources ?? ['/']), namespaceWorker()]),
  );
  const userNamespace = usesUserNamespace(spec, support);
  const isolation = { userNamespace, idmappedBinds: userNamespace && support.idmappedBinds };
  let onExit: (exit: JailedExit) => void = () => {};
  const exited = new Promise<JailedExit>((resolve) => {
    onExit = resolve;
  });
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  // Asked for again: one that was idle may have ended meanwhile.
  const worker = await namespaceWorker();
  const { stderr, ...stdio } = openStdio(spec.inherited ?? []);
  try {
    const request = toRequest(spec, userNamespace ? support : null, stdio);
    const descriptors = [stdio.inputFd, stdio.outputFd, ...stdio.inheritedFds];
    const pid = (await worker.request(request, { descriptors, onExit })) ?? -1;
    const kill = (signal: NodeJS.Signals): void => {
      if (!ended) signalProcess(pid, signal);
    };
    const seal = async (): Promise<void> => {
      const current = await namespaceWorker();
      await current.request({ kind: 'seal', pid, paths: spec.writablePaths });
    };
    return { pid, stderr, exited, kill, isolation, seal };
  } catch (error) {
    stderr.destroy();
    throw error;
  }
}

interface Stdio {
  readonly inputFd: number;
  readonly outputFd: number;
  readonly inheritedFds: readonly number[];
  /** Reads what is written to `outputFd`. */
  readonly stderr: Socket;
}

function openStdio(inherited: readonly string[]): Stdio {
  const opened: number[] = [];
  try {
    const inputFd = openSync('/dev/null', 'r');
    opened.push(inputFd);
    const inheritedFds = inherited.map((path) => {
      const fd = openInherited(path);
      opened.push(fd);
      return fd;
    });
    const { readFd, writeFd } = makePipe();
    opened.push(writeFd, readFd);
    const stderr = new Socket({ fd: readFd, readable: true, writable: false }).unref();
    return { inputFd, outputFd: writeFd, inheritedFds, stderr };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

function checkSpec(spec: JailSpec): void {
  const paths = [
    spec.argv[0] ?? '',
    spec.cwd ?? '/',
    ...spec.readOnlyPaths,
    ...spec.writablePaths,
    ...spec.exports,
    ...(spec.inherited ?? []),
    ...Object.entries(spec.links ?? {}).flat(),
  ];
  const wrong = paths.find((path) => !/^\/(?!$)|^\/$/.test(path) || path.split('/').includes('..'));
  if (wrong === undefined) return;
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot make a jail: ${JSON.stringify(wrong)} is not an absolute path without '..'`,
  );
}

function toRequest(
  spec: JailSpec,
  namespace: IsolationSupport | null,
  stdio: Pick<SpawnRequest, 'inputFd' | 'outputFd' | 'inheritedFds'>,
): SpawnRequest {
  return {
    kind: 'spawn',
    program: spec.argv[0] ?? '',
    argv: planLauncher({
      argv: spec.argv,
      userNamespace: namespace !== null,
      needsFileCapabilities: spec.needsFileCapabilities,
      userId: jailUserId,
    }),
    env: spec.env,
    cwd: spec.cwd ?? '/',
    ...stdio,
    readOnlyPaths: spec.readOnlyPaths,
    links: spec.links ?? {},
    writablePaths: spec.writablePaths,
    exports: spec.exports,
    devices: spec.devices,
    userNamespaceFd: namespace?.userNamespaceFd ?? null,
  };
}
