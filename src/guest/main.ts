// The first process of the VM: mounts what it needs, then serves the host that attaches to its port.
import { closeSync, writeSync } from 'node:fs';
import { startupSnapshot } from 'node:v8';
import { exitNow } from '../base/native/own-process.js';
import { monotonicMs } from '../base/trace/span.js';
import { version } from '../base/version.js';
import { listenForHosts } from '../wire/attach/index.js';
import { serve } from '../wire/ttrpc/index.js';
import { agentServerOptions, createAgentService } from './agent-service.js';
import { bootMarks } from './boot-marks.js';
import { shareMemory } from './crun/cgroup.js';
import { CrunRuntime } from './crun/crun-runtime.js';
import { LinuxMachine, mountBase } from './machine/linux-machine.js';
import { Reaper } from './machine/reaper.js';
import { openPort } from './port.js';

const portPath = '/dev/virtio-ports/virtc.agent.0';
const folder = '/run/virtc';
const crun = '/usr/bin/crun';

/** Longest text of a failure on the console, in characters. */
const maxReportLength = 4000;

/** Ends the VM: the death of the first process is a kernel panic, which the host notices at once. */
function fail(error: unknown): never {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const console = 2;
  writeSync(console, `agent failed: ${text.slice(0, maxReportLength)}\n`);
  exitNow(1);
}

async function main(): Promise<void> {
  const loadedMs = monotonicMs();
  let readyMs = loadedMs;
  // A failure that nobody has handled leaves a state that nobody knows.
  process.on('uncaughtException', fail);
  // Node ends by these, unless they are handled.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  mountBase(folder);
  const reaper = new Reaper();
  reaper.start();
  const service = createAgentService({
    system: new LinuxMachine(folder, shareMemory),
    runtime: new CrunRuntime({ folder, reaper, crun }),
    version,
    bootMarks: () => bootMarks(process.env['VIRTC_BOOT_MARKS'], { loadedMs, readyMs }),
  });
  const port = await openPort(portPath);
  port.on('error', fail);
  listenForHosts(port, (connection) => serve(connection, [service], agentServerOptions));
  readyMs = monotonicMs();
}

/** Where the guest's first program has opened the snapshot; its memory is free once that is closed. */
const snapshotFd = 3;

// Setup evaluates this bundle and keeps its heap; the guest goes on from there.
if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(() => {
    closeSync(snapshotFd);
    main().catch(fail);
  });
} else {
  main().catch(fail);
}
