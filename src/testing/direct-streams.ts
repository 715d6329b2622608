// Streams of an owner in this process, for tests that are not about the sockets they go through.
import { PassThrough, pipeline, Writable } from 'node:stream';
import type { OwnerStreams } from '../owner/client/owner-streams.js';
import type { PodServer } from '../owner/pod-server.js';

/** @param find the server, once there is one */
export function directStreams(find: () => PodServer): OwnerStreams {
  return {
    openOutput: async ({ containerId, processId, stream }) => {
      const through = new PassThrough();
      pipeline(find().findProcess(containerId, processId)[stream], through, () => {});
      return through;
    },
    openInput: async ({ containerId, processId }) => {
      const { stdin } = find().findProcess(containerId, processId);
      return new Writable({
        write: (chunk, encoding, done) => stdin.write(chunk, encoding, done),
      });
    },
  };
}
