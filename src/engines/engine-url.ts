/**
 * Parses and prints addresses of engines.
 */
import { isIP } from 'node:net';
import type { EngineAddress } from '../core/engine/engine.ts';

/**
 * Parses a URL that the schema of engines accepted, or that an earlier version saved. A trailing `/v1` belongs to the
 * API, not to the address.
 */
export function parseEngineUrl(text: string): { readonly url: string; readonly address: EngineAddress } {
  const url = new URL(text);
  const tls = url.protocol === 'https:';
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
  const address: EngineAddress = {
    tls,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    path,
  };
  return { url: urlOf(address), address };
}

/** Prints an address; each address has one spelling. */
export function urlOf(address: EngineAddress): string {
  if (address.socketPath !== undefined) return `unix:${address.socketPath}${address.path}`;
  return `${address.tls ? 'https' : 'http'}://${hostPortText(address)}${address.path}`;
}

/** `host:port`, with brackets around IPv6. */
export function hostPortText(address: EngineAddress): string {
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}
