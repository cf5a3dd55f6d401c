/**
 * Lets accepted sockets read into one buffer that all connections share. Without this, Node allocates 64 KB for each read,
 * and V8 collects the whole heap because of them when clients send large bodies.
 *
 * Node offers this only for sockets that connect (`onread` of `net.Socket`). Its fields are set here on an accepted
 * socket, too. They are internal to Node, so a Node that has other fields makes the socket read as usual.
 */
import { Socket } from 'node:net';

/** What one read returns at most. */
const sharedBytes = 64 * 1024;

/** The bytes of the last read of any connection. They are valid only in the call that delivers them. */
export const sharedRead = Buffer.allocUnsafeSlow(sharedBytes);

type OnRead = (length: number) => boolean;

interface Internals {
  readonly bufferField: symbol;
  readonly callbackField: symbol;
}

/** Finds the fields of `onread` by their values in a socket that has the option. */
function findInternals(): Internals | undefined {
  const callback = (): boolean => true;
  const pattern = new Socket({ onread: { buffer: sharedRead, callback } });
  const fieldOf = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(pattern).find((name) => Reflect.get(pattern, name) === value);
  const bufferField = fieldOf(sharedRead);
  const callbackField = fieldOf(callback);
  return bufferField === undefined || callbackField === undefined
    ? undefined
    : { bufferField, callbackField };
}

let internals: Internals | 'unknown' | undefined;

/**
 * From now on, `onRead` is called with the number of bytes in `sharedRead`, instead of a `data` event for each read. It
 * returns false to pause the socket. `data` still brings bytes that were read before. Returns false if this Node does not
 * allow that.
 */
export function readShared(socket: Socket, onRead: OnRead): boolean {
  internals ??= findInternals() ?? 'unknown';
  const { _handle: handle } = socket as Socket & {
    readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null;
  };
  if (internals === 'unknown' || typeof handle?.useUserBuffer !== 'function') return false;
  const { bufferField, callbackField } = internals;
  if (Reflect.get(socket, bufferField) !== null || Reflect.get(socket, callbackField) !== null) return false;
  Reflect.set(socket, bufferField, sharedRead);
  Reflect.set(socket, callbackField, onRead);
  handle.useUserBuffer(sharedRead);
  return true;
}
