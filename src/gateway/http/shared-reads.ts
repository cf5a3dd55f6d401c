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

/** Who reads a socket. */
export interface Reader {
  /** `length` bytes are in `sharedRead`, or in the memory of the last call of `nextMemory`. False pauses the socket. */
  readonly onRead: (length: number) => boolean;
  /** Called after each read: the memory for the next one, or undefined where it is that of the last one. */
  readonly nextMemory: () => Buffer | undefined;
}

interface Internals {
  readonly bufferField: symbol;
  readonly callbackField: symbol;
  readonly nextField: symbol;
}

/** Finds the fields of `onread` by their values in a socket that has the option. */
function findInternals(): Internals | undefined {
  const callback = (): boolean => true;
  const generate = (): Buffer => sharedRead;
  const fieldOf = (value: unknown, buffer: Buffer | (() => Buffer)): symbol | undefined => {
    const pattern = new Socket({ onread: { buffer, callback } });
    return Object.getOwnPropertySymbols(pattern).find((name) => Reflect.get(pattern, name) === value);
  };
  const bufferField = fieldOf(sharedRead, sharedRead);
  const callbackField = fieldOf(callback, sharedRead);
  const nextField = fieldOf(generate, generate);
  return bufferField === undefined || callbackField === undefined || nextField === undefined
    ? undefined
    : { bufferField, callbackField, nextField };
}

let internals: Internals | 'unknown' | undefined;

/**
 * From now on, `onRead` is called with the number of bytes in `sharedRead`, instead of a `data` event for each read. It
 * returns false to pause the socket. `data` still brings bytes that were read before. Returns false if this Node does not
 * allow that.
 */
export function readShared(socket: Socket, reader: Reader): boolean {
  internals ??= findInternals() ?? 'unknown';
  const { _handle: handle } = socket as Socket & {
    readonly _handle?: { readonly useUserBuffer?: (buffer: Buffer) => void } | null;
  };
  if (internals === 'unknown' || typeof handle?.useUserBuffer !== 'function') return false;
  const { bufferField, callbackField, nextField } = internals;
  if (Reflect.get(socket, bufferField) !== null || Reflect.get(socket, callbackField) !== null) return false;
  Reflect.set(socket, bufferField, sharedRead);
  Reflect.set(socket, callbackField, reader.onRead);
  Reflect.set(socket, nextField, reader.nextMemory);
  handle.useUserBuffer(sharedRead);
  return true;
}
