// Complete, validated configuration of a pod.

/** All that makes a pod, its containers apart. */
export interface PodConfig {
  readonly id: string;
  readonly hostname: string;
  /** Least size of the VM; containers' limits can make it grow. */
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly labels: Readonly<Record<string, string>>;
}
