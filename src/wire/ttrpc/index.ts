// ttrpc: small remote calls over any duplex stream, client and server, typed by generated services.
export {
  type ClientConnection,
  type ClientOptions,
  connectClient,
  createClient,
} from './client.js';
export { duplexPair } from './duplex-pair.js';
export { maxMessageBytes } from './frame.js';
export {
  type RpcCode,
  RpcError,
  type RpcErrorDetail,
  rpcCode,
  rpcCodeNumbers,
  rpcCodeOf,
} from './rpc-error.js';
export { type ServerConnection, type ServerOptions, serve } from './server.js';
export {
  type CallContext,
  type CallOptions,
  type Client,
  type Handlers,
  implement,
  type ServiceImplementation,
} from './service.js';
