// What the guest's own side of a pod holds: the agent's memory and descriptors, processes, control groups, files.
import assert from 'node:assert/strict';
import type { Container } from '../../src/model/pod.js';
import { asGuestRoot } from './guest-root.js';

export interface GuestState {
  /** The agent's resident memory without the pages of its program, in MiB. */
  readonly agentMiB: number;
  /** The most that the agent has had resident since the last look with `resetPeak`, in MiB. */
  readonly agentPeakMiB: number;
  readonly agentDescriptors: number;
  /** What no process takes, in MiB. */
  readonly availableMiB: number;
  /** Those that have a program: neither the kernel's own nor zombies. */
  readonly processes: number;
  readonly zombies: number;
  readonly cgroups: number;
  /** Files of the agent's own directory. */
  readonly files: number;
}

const script = `
  status() { grep "^$1:" /proc/1/status | tr -dc 0-9; }
  echo agentMiB=$(($(status RssAnon) / 1024)) agentPeakMiB=$(($(status VmHWM) / 1024))
  echo agentDescriptors=$(ls /proc/1/fd | wc -l)
  echo availableMiB=$(($(grep ^MemAvailable: /proc/meminfo | tr -dc 0-9) / 1024))
  echo processes=$(grep -l . /proc/[0-9]*/cmdline 2>/dev/null | wc -l)
  echo zombies=$(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l)
  echo cgroups=$(find /sys/fs/cgroup/virtc -type d | wc -l)
  echo files=$(find /run/virtc -xdev | wc -l)`;

/** @param container with the capabilities that `powerful` names */
export async function guestState(
  container: Container,
  { resetPeak = false } = {},
): Promise<GuestState> {
  const text = await asGuestRoot(
    container,
    resetPeak ? `echo 5 > /proc/1/clear_refs; ${script}` : script,
  );
  const value = (name: string): number => {
    const number = new RegExp(`\\b${name}=(\\d+)`).exec(text)?.[1];
    assert.ok(number !== undefined, `the guest does not tell its ${name}: ${text}`);
    return Number(number);
  };
  return {
    agentMiB: value('agentMiB'),
    agentPeakMiB: value('agentPeakMiB'),
    agentDescriptors: value('agentDescriptors'),
    availableMiB: value('availableMiB'),
    processes: value('processes'),
    zombies: value('zombies'),
    cgroups: value('cgroups'),
    files: value('files'),
  };
}
