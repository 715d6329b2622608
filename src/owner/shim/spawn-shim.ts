// Spawns the process of a shim: a session of its own, and nothing of this process but three pipes.
import { spawn } from 'node:child_process';
import { reasonOf } from '../../base/errors.js';
import { closeOnExecAll } from '../../base/native/process-descriptors.js';
import type { ShimProcess } from './start-shim.js';

export interface ShimCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Spawns a shim; what fails is said by `exited`. */
export function spawnShim({ program, args, environment }: ShimCommand): ShimProcess {
  // What this process was left open by its own parent (a lock of a shell script) would be held for as long as the pod lives.
  closeOnExecAll();
  // In a session of its own: a terminal's signals and its end are not for it.
  const child = spawn(program, args, {
    cwd: '/',
    detached: true,
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`it could not be started: ${reasonOf(error)}`));
    child.once('exit', (code, signal) => {
      resolve(signal === null ? `it exited with code ${code}` : `${signal} ended it`);
    });
  });
  const { stdin, stdout, stderr } = child;
  // Whether it has ended is said by its exit.
  for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {});
  return {
    pid: child.pid ?? 0,
    ...{ stdin, stdout, stderr, exited },
    kill: () => {
      child.kill('SIGKILL');
    },
    letGo: () => {
      stdout.destroy();
      stderr.destroy();
      child.unref();
    },
  };
}
