/**
 * Sends the whole responses of one turn of the event loop together, at its end.
 *
 * A write wakes the program that waits at the other end. On the same machine this costs several microseconds each time,
 * and between two writes that program falls asleep again. Where writes follow each other at once, most find it awake.
 */

/** What is used of a socket. */
export interface TurnSocket {
  /** How many calls of `cork` are open. */
  readonly writableCorked: number;
  cork(): void;
  uncork(): void;
  write(text: string, encoding: 'latin1'): unknown;
}

/** After so many responses and events, what waits is sent before the turn ends. */
const maxWrites = 64;
/** A longer text is sent at once: it costs more than to wake a program, and should not stay in memory. */
const maxTextLength = 16 * 1024;

const waiting: TurnSocket[] = [];
/** Responses and events since the first one that waits. */
let writes = 0;
let isPlanned = false;

/**
 * Writes Latin-1 text before the turn ends. What is written to the socket in other ways meanwhile follows it. Before the
 * socket is destroyed, `uncork` must be called, or the text is lost.
 */
export function writeInTurn(socket: TurnSocket, text: string): void {
  if (text.length > maxTextLength) socket.uncork();
  else if (socket.writableCorked === 0) {
    socket.cork();
    waiting.push(socket);
    if (!isPlanned) {
      isPlanned = true;
      setImmediate(endTurn);
    }
  }
  socket.write(text, 'latin1');
  countWrite();
}

/** Call this when an event is sent, so that responses do not wait behind many events. */
export function countWrite(): void {
  if (waiting.length > 0 && ++writes >= maxWrites) sendWaiting();
}

function endTurn(): void {
  isPlanned = false;
  sendWaiting();
}

function sendWaiting(): void {
  for (const socket of waiting) socket.uncork();
  waiting.length = 0;
  writes = 0;
}

// A mistake that ends the process takes no finished response with it.
process.on('exit', sendWaiting);
