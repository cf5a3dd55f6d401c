/**
 * Sends the requests to engines and the whole responses of one turn of the event loop together, at its end.
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

/** When so many sockets wait, all are sent. Events are not counted: in a turn with many of them, sockets wait for its end. */
const maxWaiting = 64;
/** A longer text is sent at once: it costs more than to wake a program, and should not stay in memory. */
const maxTextLength = 16 * 1024;

const waiting: TurnSocket[] = [];
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
  if (waiting.length >= maxWaiting) sendWaiting();
}

function endTurn(): void {
  isPlanned = false;
  sendWaiting();
}

/** Sends what waits now, for example what was written after the turn ended: its own turn would end after the next poll. */
export function sendWaiting(): void {
  for (const socket of waiting) socket.uncork();
  waiting.length = 0;
}
