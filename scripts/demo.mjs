// The README's demonstration: a Python program from a file, through standard input, in a VM of its own.
// @ts-check
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';
import { ensureDebianRootfs } from './debian-rootfs.mjs';
import { Failure, root, runScript, secondsSince } from './project.mjs';
import { setup } from './setup.mjs';

const program = 'examples/primes.py';

await runScript(async () => {
  /** @type {[string, string][]} */
  const durations = [];
  /** @template T @param {string} what @param {() => Promise<T>} step @returns {Promise<T>} */
  const timed = async (what, step) => {
    const begin = performance.now();
    const result = await step();
    durations.push([what, secondsSince(begin)]);
    return result;
  };
  await timed('setup', setup);
  const rootfs = await timed('Debian root file system', ensureDebianRootfs);
  // The shell tells the kernel that it runs on, and gives its input to Python.
  const args = ['run', '-i', '--rootfs', rootfs, '--', 'sh', '-c', 'uname -r && exec python3 -'];
  const { kernel, startSeconds, code } = await timed('the container, from its VM to its end', () =>
    runInVm(args),
  );
  if (code !== 0) throw new Failure(`the program in the container ended with ${code}`);

  console.log(`\nkernel of the host:      ${release()}`);
  console.log(`kernel of the container: ${kernel}\n`);
  for (const [what, seconds] of durations) console.log(`${seconds.padStart(6)} s  ${what}`);
  console.log(`${startSeconds.padStart(6)} s  of that until its first output`);
  console.log(`\nTry next:\n  ./bin/virtc run -it --rootfs ${rootfs} -- bash`);
});

/**
 * Runs `virtc`, the program's file as its input; the first line of its output is the container's kernel, the rest is shown.
 * @param {readonly string[]} args
 * @returns {Promise<{ kernel: string, startSeconds: string, code: number | null }>}
 */
function runInVm(args) {
  const begin = performance.now();
  console.log(
    `\n$ virtc ${args.map((arg) => (/^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')} < ${program}`,
  );
  const input = openSync(path.join(root, program), 'r');
  const child = spawn(path.join(root, 'bin/virtc'), args, { stdio: [input, 'pipe', 'inherit'] });
  let kernel = '';
  let startSeconds = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (/** @type {string} */ text) => {
    if (startSeconds !== '') return process.stdout.write(text);
    kernel += text;
    const end = kernel.indexOf('\n');
    if (end < 0) return true;
    startSeconds = secondsSince(begin);
    process.stdout.write(kernel.slice(end + 1));
    kernel = kernel.slice(0, end);
    return true;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ kernel, startSeconds, code }));
  });
}
