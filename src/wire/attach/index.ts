// Connections over the agent's channel, which has none of its own: they begin with a mark, at any moment.
export { AttachError, type AttachOptions, attachToGuest } from './attach-to-guest.js';
export { listenForHosts } from './listen-for-hosts.js';
