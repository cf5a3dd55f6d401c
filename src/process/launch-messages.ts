/**
 * What launcher and child say to each other over Node's IPC channel, in this order:
 *
 *   launcher                        child
 *      | -- start -----------------> |   the configuration, never in arguments
 *      | <----- ready or failed ---- |   after the listener answered, or with nothing left
 *      | -- kept ------------------> |   the launcher knows the handle; it hangs up and may end
 *
 * A channel that closes before `kept` means that nobody wants the proxy any more: the child gives up and leaves
 * nothing.
 *
 * A running proxy that is replaced is the launcher of its successor, which has its listening sockets as descriptors from
 * birth:
 *
 *   predecessor                     successor
 *      | -- start, takeOver -------> |
 *      | <-- prepared or failed ---- |   everything is ready but accepting
 *      | -- state -----------------> |   the predecessor accepts nothing from now on
 *      | <----- ready or failed ---- |   it accepts
 *      | -- kept ------------------> |
 *      | <------------------ kept -- |   it lives: the predecessor closes its sockets and drains
 *
 * A predecessor that gives up says `giveUp`, or kills the successor. A channel that closes without `giveUp` means that the
 * predecessor has died: the successor serves, with the state if it got it.
 */
import type { HandOverState, InheritedSocket, StartOptions } from '../core/proxy/ports.ts';
import { parseProxyConfig } from '../core/proxy/proxy-config.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { isRecord, type WireError } from './wire-error.ts';

export interface StartMessage {
  readonly start: StartOptions;
  readonly takeOver?: TakeOverMessage;
}
export interface TakeOverMessage {
  readonly id: string;
  readonly nonce: string;
  readonly predecessorId: string;
  readonly sockets: readonly InheritedSocket[];
  /** A supervisor watches the predecessor. The log goes to stderr, which it reads, and not to the file of the profile. */
  readonly supervised: boolean;
}
export interface StateMessage {
  readonly state: HandOverState;
}
export interface GiveUpMessage {
  readonly giveUp: true;
}
export type LauncherMessage = StartMessage | StateMessage | GiveUpMessage | KeptMessage;
export type ChildMessage =
  | { readonly prepared: true }
  | { readonly ready: ProxyHandle }
  | KeptMessage
  | { readonly failed: WireError };
export interface KeptMessage {
  readonly kept: true;
}

/** Throws PROXY_INVALID_CONFIG. Undefined for any other message. */
export function startOptionsIn(message: unknown): StartOptions | undefined {
  if (!isRecord(message) || !isRecord(message.start)) return undefined;
  const { config, profile, overrides } = message.start;
  if (typeof profile !== 'string' || !isRecord(overrides)) return undefined;
  // The launcher validated the overrides as part of the configuration; they are only stored for a restart.
  return { config: parseProxyConfig(config), profile, overrides };
}

/** Undefined for a start without a predecessor. The predecessor is flm too, so its message is well formed. */
export function takeOverIn(message: unknown): TakeOverMessage | undefined {
  if (!isRecord(message) || !isRecord(message.takeOver)) return undefined;
  return message.takeOver as unknown as TakeOverMessage;
}

export function stateIn(message: unknown): HandOverState | undefined {
  return isRecord(message) && isRecord(message.state) ? message.state : undefined;
}

export function isGiveUp(message: unknown): boolean {
  return isRecord(message) && message.giveUp === true;
}

export function isKept(message: unknown): boolean {
  return isRecord(message) && message.kept === true;
}

/** The child is our own program: that one of the two is there is enough. */
export function childMessageIn(message: unknown): ChildMessage | undefined {
  if (!isRecord(message)) return undefined;
  if (
    !(
      message.prepared === true ||
      message.kept === true ||
      isRecord(message.ready) ||
      isRecord(message.failed)
    )
  )
    return undefined;
  return message as unknown as ChildMessage;
}
