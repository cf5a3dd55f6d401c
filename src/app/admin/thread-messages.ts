/**
 * The messages between a proxy and its admin thread. The proxy sends numbered calls:
 *
 *   call    ->  reply                        a whole response
 *           ->  reply, text*, done           a stream: the proxy asks for each text with `more`
 *   cancel                                   nobody waits for the response; a stream ends
 *   close                                    the thread closes its services and ends
 */
import type { Environment } from '../../core/environment.ts';
import type { AdminCall } from '../../core/proxy/admin-port.ts';

export interface AdminThreadStart {
  readonly environment: Environment;
  /** See `FlmOptions.entry`. */
  readonly entry: string;
}

export type ToAdminThread =
  | { readonly do: 'call'; readonly n: number; readonly call: AdminCallMessage }
  | { readonly do: 'more' | 'cancel'; readonly n: number }
  | { readonly do: 'close' };

/** A Buffer arrives as a plain array of bytes. */
export type AdminCallMessage = Omit<AdminCall, 'body'> & { readonly body: Uint8Array };

export type FromAdminThread =
  | {
      readonly say: 'reply';
      readonly n: number;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      /** Absent: a stream follows. */
      readonly body?: string;
    }
  | { readonly say: 'text'; readonly n: number; readonly text: string }
  | { readonly say: 'done'; readonly n: number }
  | { readonly say: 'problem'; readonly error: string };
