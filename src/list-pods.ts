// Lists pods without what makes and uses them: for commands that read records alone and shall be quick.
import { loadRuntimeConfig } from './config.js';
import type { RuntimeOptions } from './model/options.js';
import type { PodListEntry } from './model/pod.js';
import { requireRoot } from './pod/require-root.js';

/** As `listPods` of a runtime with these options. */
export async function listPods(
  options: Pick<RuntimeOptions, 'configFile'>,
): Promise<readonly PodListEntry[]> {
  const isRoot = process.getuid?.() === 0;
  requireRoot(isRoot);
  const [{ FileStore }, { listEntries }, { runRoot }] = await Promise.all([
    import('./host/store/file-store.js'),
    import('./pod/pod-entries.js'),
    loadRuntimeConfig(options, process.env, isRoot),
  ]);
  return listEntries(new FileStore({ root: runRoot }));
}
