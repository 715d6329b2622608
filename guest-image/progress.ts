// What a setup tells while it works.

/** One step of a setup, told when it begins, when there is something to say within it, and when it ends. */
export interface SetupEvent {
  readonly step:
    | 'lock'
    | 'packages'
    | 'archive'
    | 'kernel'
    | 'node'
    | 'agent'
    | 'crun'
    | 'root'
    | 'initramfs'
    | 'preload'
    | 'install';
  readonly phase: 'begin' | 'note' | 'end';
  /** For people, one line. */
  readonly message: string;
  /** Only at the end, in milliseconds. */
  readonly durationMs?: number;
}

export type OnSetupProgress = (event: SetupEvent) => void;

/** Runs one step and tells its begin and its end. */
export async function tellStep<T>(
  onProgress: OnSetupProgress,
  step: SetupEvent['step'],
  message: string,
  work: () => Promise<T>,
): Promise<T> {
  const begin = performance.now();
  onProgress({ step, phase: 'begin', message });
  const result = await work();
  onProgress({ step, phase: 'end', message, durationMs: Math.round(performance.now() - begin) });
  return result;
}
