// What of the host decides how large a VM can be, as plain data.

export interface HostFacts {
  /** Processors that this process may use. */
  readonly cpus: number;
  /** Memory and swap in MiB: what the kernel can give at all, taken or not. */
  readonly memoryMiB: number;
}
