// The entry of the `virtc` program: runs one command and exits with its code.
import { main } from './main.js';

// A reader that goes away (`virtc help | head -1`) is not a crash.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exit(await main(process.argv.slice(2)));
