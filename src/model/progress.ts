// What a program can watch while something takes long.

/** One step of a pod's or container's life, told when it begins and when it ends. */
export interface ProgressEvent {
  /** The pod's steps in their order, then a container's. */
  readonly step:
    | 'store'
    /** A template is waited for or made. */
    | 'template'
    | 'share'
    | 'vm-spawn'
    | 'vm-boot'
    | 'personalize'
    /** Of a template alone: its guest does what clones do first, then is saved. */
    | 'warm-up'
    | 'save'
    | 'resize'
    | 'container-create'
    | 'container-start'
    | 'container-stop'
    | 'vm-stop'
    | 'release';
  readonly phase: 'begin' | 'end';
  readonly podId: string;
  readonly containerId?: string;
  /** Only at the end: how long it took, in milliseconds. */
  readonly durationMs?: number;
}

/** How long each step took, in milliseconds, in the order they ran. */
export type Timings = readonly {
  readonly step: ProgressEvent['step'];
  readonly containerId?: string;
  readonly durationMs: number;
}[];
