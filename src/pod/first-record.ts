// The record of a pod that holds nothing yet.

import { version } from '../base/version.js';
import type { PodRecord } from '../host/store/store.js';
import type { ProcessHandle } from '../model/handle.js';
import type { PodConfig } from '../model/pod-config.js';

export function firstRecord(config: PodConfig, owner: ProcessHandle): PodRecord {
  return {
    version: 1,
    writtenBy: version,
    config,
    state: 'ready',
    createdAt: new Date().toISOString(),
    owner,
    handles: [],
    containers: [],
    accelerator: null,
    origin: null,
    waiting: false,
  };
}
