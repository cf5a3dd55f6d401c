/**
 * The messages between launcher and child over Node's IPC channel, in this order:
 *
 *   launcher                        child
 *      | -- start -----------------> |   the configuration, never in arguments
 *      | <----- ready or failed ---- |   after the listener answered, or after a failed start was cleaned up
 *      | -- kept ------------------> |   the launcher has the handle; it closes the channel and may exit
 *
 * If the channel closes before `kept`, the launcher has given up: the child ends and leaves nothing behind.
 *
 * When a running proxy is replaced, it launches its successor. The successor inherits the listening sockets as
 * descriptors:
 *
 *   predecessor                     successor
 *      | -- start, takeOver -------> |
 *      | <-- prepared or failed ---- |   everything is ready except accepting connections
 *      | -- state -----------------> |   the predecessor accepts nothing from now on
 *      | <----- ready or failed ---- |   the successor accepts connections
 *      | -- kept ------------------> |
 *      | <------------------ kept -- |   the successor is running: the predecessor names it to its supervisor, closes the
 *                                        channel and its sockets, and drains
 *
 * A predecessor that gives up sends `giveUp`, or kills the successor. If the channel closes without `giveUp`, the
 * predecessor has died: the successor serves, with the state if it has received the state.
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
  /**
   * A supervisor watches the predecessor. The log goes to stderr, which the supervisor reads, not to the log file of
   * the profile.
   */
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
  const { config, profile, overrides, environment } = message.start;
  if (typeof profile !== 'string' || !isRecord(overrides)) return undefined;
  // The launcher validated these as part of the configuration; they are only stored for a restart.
  const kept = isRecord(environment) ? { overrides, environment } : { overrides };
  return { config: parseProxyConfig(config), profile, ...kept };
}

/** Undefined for a start without a predecessor. */
export function takeOverIn(message: unknown): TakeOverMessage | undefined {
  if (!isRecord(message) || !isRecord(message.takeOver)) return undefined;
  // The predecessor is also flm, so its message is well formed.
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

/** Undefined for anything but a message of a child. */
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
  // The child is also flm, so it is enough to know which message this is.
  return message as unknown as ChildMessage;
}
