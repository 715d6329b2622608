// The entry of the `virtc` program: runs one command and exits with its code.
import { main } from './main.js';
import { describeError, exitCodes } from './report.js';

// A reader that goes away (`virtc help | head -1`) is not a crash.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

// A bug of ours. What must be put back is put back by listeners to `exit`; a VM dies with this process.
process.on('uncaughtException', (error) => {
  process.stderr.write(describeError(error, { debug: true }));
  process.exit(exitCodes.virtcFailed);
});

/** How long a reader may take after a signal, in milliseconds: whoever ends us shall not wait for one that stands still. */
const signalledMs = 1000;

const code = await main(process.argv.slice(2));
// What the verb has caught it has let go of, and the code is settled: a late signal may hurry the end but not change it.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
  process.on(name, () => process.exit(code));
}
// What a slow reader of a pipe has not taken yet would be lost with this process.
const taken = Promise.all([process.stdout, process.stderr].map(flushed));
if (code > exitCodes.signalBase) setTimeout(() => process.exit(code), signalledMs);
await taken;
process.exit(code);

/** Resolves when all that was written is out of our hands, or nobody wants it. */
function flushed(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
