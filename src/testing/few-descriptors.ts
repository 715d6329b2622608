// Lets a process' descriptors run out while something is done.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** The limit meanwhile: above what a test has open. */
const fewDescriptors = 200;

/** Carries out `work` with no more than `free` descriptors left; afterwards everything is as before. */
export async function withFreeDescriptors(free: number, work: () => Promise<void>): Promise<void> {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const most = /Max open files +(\d+)/.exec(limits)?.[1] ?? '';
  setLimit(fewDescriptors);
  const filled: number[] = [];
  try {
    fill(filled);
    for (let times = 0; times < free; times += 1) closeSync(filled.pop() ?? -1);
    await work();
  } finally {
    for (const fd of filled) closeSync(fd);
    setLimit(most);
  }
}

function setLimit(soft: number | string): void {
  const args = ['--pid', String(process.pid), `--nofile=${soft}:`];
  execFileSync('prlimit', args, { encoding: 'utf8' });
}

function fill(filled: number[]): void {
  try {
    for (;;) filled.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
}
