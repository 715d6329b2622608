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

process.exit(await main(process.argv.slice(2)));
