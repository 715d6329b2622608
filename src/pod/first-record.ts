// The record of a pod that holds nothing yet.

import { version } from '../base/version.js';
import type { PodRecord } from '../host/store/store.js';
import type { PodConfig } from '../model/pod-config.js';

export function firstRecord(
  config: PodConfig,
  by: Pick<PodRecord, 'owner' | 'detached' | 'waiting'>,
): PodRecord {
  return {
    version: 1,
    writtenBy: version,
    config,
    state: 'ready',
    createdAt: new Date().toISOString(),
    ...by,
    handles: [],
    containers: [],
    accelerator: null,
    origin: null,
  };
}
