// Starts the shim of this installation for one pod.
import { version } from '../../base/version.js';
import { shimMallocVariables, shimNodeFlags, shimProgram } from './shim-program.js';
import type { ShimRequest } from './shim-protocol.js';
import { spawnShim } from './spawn-shim.js';
import { type StartedShim, type StartShimOptions, startShim } from './start-shim.js';

/** What programs that a shim starts are looked up in where its starter has no path. */
const plainPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts a shim with nothing of this process' environment but its path: all that decides is in the request. */
export function startPodShim(
  request: Omit<ShimRequest, 'version'>,
  options: StartShimOptions,
): Promise<StartedShim> {
  const { runRoot } = request.config;
  const command = {
    program: process.execPath,
    // What comes behind the program is for whoever looks at a list of processes.
    args: [...shimNodeFlags, shimProgram(), ...['--run-root', runRoot, '--pod', request.pod.id]],
    environment: { PATH: process.env['PATH'] ?? plainPath, ...shimMallocVariables },
  };
  return startShim({ version, ...request }, () => spawnShim(command), options);
}
