/**
 * Holds all client connections by their authentication state, and chooses which one to close when there are too many.
 *
 *   unknown --a request with a valid key--> busy <--request, answer--> idle
 *
 * A new connection that finds the table full, or its address at its own limit, takes the place of another one: first of
 * those that never carried an authenticated request, the oldest first (handshakes that are not over included); then of
 * those that are idle, the longest idle first. A connection on which a request with a key runs, or whose answer is still
 * being written, is never closed. So a flood of clients without a key pushes out its own connections, and a client with a
 * key gets in.
 *
 * Every operation costs the same, however many connections there are: each entry is in one list of all, and in one of
 * its address.
 */
import type { ClientAddress } from '../core/security/address-rules.ts';

export interface ConnectionTableOptions {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Whether an address is exempt from the limit for each address. */
  readonly isExempt: (address: ClientAddress) => boolean;
}

/** How many idle connections are checked to find one that can be closed. */
const maxLooks = 16;

type State = 'unknown' | 'idle' | 'busy' | 'gone';

/** One connection in the table. Changed by the table only, apart from `close`. */
export class ConnectionEntry {
  readonly address: ClientAddress;
  readonly group: Group;
  readonly inAll = new Link(this);
  readonly inGroup = new Link(this);
  state: State = 'unknown';
  /** Whether the connection carried a request with a valid key. */
  isKnown = false;
  /** Closes the connection at once. Set by the current owner: the TLS handshake, then the HTTP server. */
  close: () => void = () => {};
  /** Whether bytes of a response wait for the client. */
  isWriting: () => boolean = () => false;

  constructor(address: ClientAddress, group: Group) {
    this.address = address;
    this.group = group;
  }
}

export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  readonly #all = new Lists();
  readonly #groups = new Map<string, Group>();
  #size = 0;

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }
  /** Addresses in memory. */
  get addresses(): number {
    return this.#groups.size;
  }

  /** Undefined where the connection must be refused because all others are busy. */
  add(address: ClientAddress): ConnectionEntry | undefined {
    const { maxConnections, maxConnectionsPerAddress, isExempt } = this.#options;
    const near = this.#groups.get(address.bucket);
    if (
      near !== undefined &&
      near.size >= maxConnectionsPerAddress &&
      !isExempt(address) &&
      !this.#closeOne(near)
    )
      return undefined;
    if (this.#size >= maxConnections && !this.#closeOne(this.#all)) return undefined;
    // Closing may have removed the group found before.
    let group = this.#groups.get(address.bucket);
    if (group === undefined) {
      group = new Group();
      this.#groups.set(address.bucket, group);
    }
    const entry = new ConnectionEntry(address, group);
    group.size += 1;
    this.#size += 1;
    this.#link(entry, 'unknown');
    return entry;
  }

  /** A request begins. */
  begin(entry: ConnectionEntry): void {
    if (entry.state === 'idle') this.#unlink(entry, 'busy');
  }

  /** The running or last request had a valid key. */
  authenticated(entry: ConnectionEntry): void {
    if (entry.state !== 'unknown') return;
    entry.isKnown = true;
    this.#unlink(entry, 'busy');
  }

  /** No request runs. */
  rest(entry: ConnectionEntry): void {
    if (entry.state === 'busy') this.#link(entry, 'idle');
  }

  /** The connection is closed. A second call has no effect. */
  remove(entry: ConnectionEntry): void {
    if (entry.state === 'gone') return;
    this.#unlink(entry, 'gone');
    const { group, address } = entry;
    this.#size -= 1;
    group.size -= 1;
    if (group.size === 0) this.#groups.delete(address.bucket);
  }

  #closeOne(lists: Lists): boolean {
    const entry = lists.unknown.next.entry ?? this.#longestIdle(lists);
    if (entry === undefined) return false;
    this.remove(entry);
    entry.close();
    return true;
  }

  #longestIdle(lists: Lists): ConnectionEntry | undefined {
    for (let looks = 0; looks < maxLooks; looks++) {
      const entry = lists.idle.next.entry;
      if (entry === undefined || !entry.isWriting()) return entry;
      // Not idle yet, so not the longest idle one.
      this.#unlink(entry, 'busy');
      this.#link(entry, 'idle');
    }
    return undefined;
  }

  #link(entry: ConnectionEntry, state: 'unknown' | 'idle'): void {
    entry.state = state;
    entry.inAll.putBefore(this.#all[state]);
    entry.inGroup.putBefore(entry.group[state]);
  }

  #unlink(entry: ConnectionEntry, state: State): void {
    entry.state = state;
    entry.inAll.takeOut();
    entry.inGroup.takeOut();
  }
}

/** A place in a ring. Each ring has one link without an entry: its first is the oldest, its last the newest. */
class Link {
  readonly entry: ConnectionEntry | undefined;
  previous: Link = this;
  next: Link = this;

  constructor(entry: ConnectionEntry | undefined) {
    this.entry = entry;
  }

  putBefore(other: Link): void {
    this.previous = other.previous;
    this.next = other;
    other.previous.next = this;
    other.previous = this;
  }

  takeOut(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}

class Lists {
  readonly unknown = new Link(undefined);
  readonly idle = new Link(undefined);
}

/** The connections of one address. */
class Group extends Lists {
  size = 0;
}
