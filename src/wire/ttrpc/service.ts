// Types and tables that turn a generated service description into a client's or a server's methods.
import type {
  DescMessage,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';

/** Node's timers hold 31 bits of milliseconds; what is longer (24 days) is without a deadline. */
export const maxTimeoutMs = 0x7fff_ffff;

/** One call's bounds. */
export interface CallOptions {
  /** Stops waiting: the call rejects with `cancelled`, a late answer is ignored. The peer is not told. */
  readonly signal?: AbortSignal | undefined;
  /** Sent to the peer, and held here too; absent means without a deadline. */
  readonly timeoutMs?: number | undefined;
}

/** What a handler knows of its call. */
export interface CallContext {
  /** Fires at the call's deadline and when the connection ends. */
  readonly signal: AbortSignal;
}

type UnaryFunction<I extends DescMessage, O extends DescMessage> = (
  request: MessageInitShape<I>,
  options?: CallOptions,
) => Promise<MessageShape<O>>;

type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => Promise<MessageInitShape<O>>;

/** A function per method of a service. */
export type Client<S extends GenServiceMethods> = {
  readonly [K in keyof S]: UnaryFunction<S[K]['input'], S[K]['output']>;
};

/** A handler per method of a service. */
export type Handlers<S extends GenServiceMethods> = {
  readonly [K in keyof S]: UnaryHandler<S[K]['input'], S[K]['output']>;
};

export type AnyHandler = (request: unknown, context: CallContext) => Promise<unknown>;

export interface MethodImplementation {
  readonly method: DescMethodUnary;
  readonly handle: AnyHandler;
}

/** A service with its handlers, to be given to `serve`. */
export interface ServiceImplementation {
  readonly typeName: string;
  /** By the method's name on the wire. */
  readonly methods: ReadonlyMap<string, MethodImplementation>;
}

/** Pairs a generated service with a handler for each of its methods. */
export function implement<S extends GenServiceMethods>(
  service: GenService<S>,
  handlers: Handlers<S>,
): ServiceImplementation {
  const methods = new Map<string, MethodImplementation>();
  for (const method of unaryMethods(service)) {
    const handler = handlers[method.localName as keyof S] as unknown as AnyHandler | undefined;
    // Only a fake, cast to the type, leaves methods out: they are unimplemented.
    if (handler !== undefined) methods.set(method.name, { method, handle: handler.bind(handlers) });
  }
  return { typeName: service.typeName, methods };
}

/** The unary methods of a service; ttrpc's streams are not spoken here. */
export function unaryMethods<S extends GenServiceMethods>(
  service: GenService<S>,
): readonly DescMethodUnary[] {
  const { methods } = service as unknown as DescService;
  return methods.filter((method): method is DescMethodUnary => method.methodKind === 'unary');
}
