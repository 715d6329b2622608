// The log of a container's output, among its pod's logs.
import { rmSync } from 'node:fs';
import { BoundedLog, logFiles } from '../../host/logs/bounded-log.js';
import { containerLogName } from '../../host/logs/pod-log-directory.js';
import type { OutputLog } from '../../owner/io/kept-outputs.js';

/** Null where it cannot be opened: a disk that is full is no reason not to run a container. */
export async function openContainerLog(
  directory: string,
  containerId: string,
): Promise<OutputLog | null> {
  try {
    const log = await BoundedLog.open({ directory, name: containerLogName(containerId) });
    return {
      write: (stream, data) => log.write(data, stream),
      close: () => log.close(),
    };
  } catch {
    return null;
  }
}

/** It is no more than its container. */
export function removeContainerLog(directory: string, containerId: string): void {
  for (const file of logFiles(directory, containerLogName(containerId))) {
    rmSync(file, { force: true });
  }
}
