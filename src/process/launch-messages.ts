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
 */
import type { StartOptions } from '../core/proxy/ports.ts';
import { parseProxyConfig } from '../core/proxy/proxy-config.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { isRecord, type WireError } from './wire-error.ts';

export interface StartMessage {
  readonly start: StartOptions;
}
export type ChildMessage = { readonly ready: ProxyHandle } | { readonly failed: WireError };
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

export function isKept(message: unknown): boolean {
  return isRecord(message) && message.kept === true;
}

/** The child is our own program: that one of the two is there is enough. */
export function childMessageIn(message: unknown): ChildMessage | undefined {
  if (!isRecord(message) || !(isRecord(message.ready) || isRecord(message.failed))) return undefined;
  return message as unknown as ChildMessage;
}
