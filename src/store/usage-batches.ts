/**
 * Counted usage that the store's totals do not contain yet: holds the batches to write, and answers "how many tokens
 * has this family of keys used today".
 *
 *   open batch  --next()-->  sent batch  --acknowledge()-->  uncounted  --count()-->  in the store's totals
 *
 * A batch keeps its sequence number until it is acknowledged, so a batch sent twice counts once. The tokens of a batch
 * are added to the totals until the totals are known to contain the batch. A budget is therefore never forgotten and
 * never charged twice. Memory is bounded by keys, models, engines and endings. Audit entries above a bound are only
 * counted.
 */
import type { UsedTokens } from '../core/security/limits-authority.ts';
import type { AuditEntry, LastUse, UsageEntry, UsageRow } from '../core/security/ports.ts';
import { addToHour, dayNumber, hourNumber, type UsageHourRow, usageDays, usageHourRow } from './usage-row.ts';

export interface UsageBatch {
  /** The writer of the batch: a new name for each start of a proxy. */
  readonly writer: string;
  readonly sequence: number;
  readonly rows: readonly UsageRow[];
  readonly hours: readonly UsageHourRow[];
  readonly uses: ReadonlyMap<string, LastUse>;
  readonly audit: readonly AuditEntry[];
}

/** The stored totals of a day. */
export interface UsageTotals {
  readonly day: number;
  /** True: discard earlier totals first. */
  readonly replaceAll: boolean;
  /** Tokens by key family. */
  readonly tokens: ReadonlyMap<string, number>;
  /** The last batch of this writer that the totals contain. */
  readonly sequence: number;
  /** The last batch of each other writer that the request named. */
  readonly others?: ReadonlyMap<string, number>;
}

const maxAuditEntries = 500;

/** The last use of a key, which changes in place while its batch is open. */
interface OpenUse {
  atMs: number;
  address: string;
}

/** Tokens of one batch on its newest day, by family of keys. */
interface DayTokens {
  readonly sequence: number;
  day: number;
  readonly tokens: Map<string, number>;
}

interface OtherWriter {
  /** The last batch of this writer that the totals contain. */
  sequence: number;
  parts: DayTokens[];
}

export class UsageBatches {
  readonly #writer: string;
  #hours = new Map<string, UsageHourRow>();
  /**
   * By engine and key, the row of the last request: most requests of a key to an engine belong to the same row, and need no
   * name to find it.
   */
  #lastRows = new Map<string, Map<string, UsageHourRow>>();
  #uses = new Map<string, OpenUse>();
  #audit: AuditEntry[] = [];
  #auditDropped = 0;
  #sequence = 1;
  #sent: UsageBatch | undefined;
  /** Batches that the totals do not contain yet, oldest first. The last one is the open batch. */
  #uncounted: DayTokens[] = [{ sequence: 1, day: 0, tokens: new Map() }];
  /** Tokens counted by the processes that this one replaced, until the totals contain them. */
  readonly #others = new Map<string, OtherWriter>();
  readonly #stored = new Map<string, number>();
  /** Called with the tokens that are counted from now on. */
  onUsed: ((used: UsedTokens) => void) | undefined;
  #storedDay = 0;

  constructor(writer: string) {
    this.#writer = writer;
  }

  add(entry: UsageEntry): void {
    const { atMs, keyId, engine } = entry;
    let lastRows = this.#lastRows.get(engine);
    if (lastRows === undefined) {
      lastRows = new Map();
      this.#lastRows.set(engine, lastRows);
    }
    let row = lastRows.get(keyId);
    if (row === undefined || !belongsTo(entry, row)) {
      row = this.#hours.get(hourName(entry)) ?? this.#hourOf(entry);
      lastRows.set(keyId, row);
    }
    const tokens = addToHour(row, entry);
    const use = this.#uses.get(keyId);
    if (use === undefined) this.#uses.set(keyId, { atMs, address: entry.address });
    else if (use.atMs <= atMs) {
      use.atMs = atMs;
      use.address = entry.address;
    }
    this.#addTokens(entry.familyId, dayNumber(atMs), tokens);
  }

  record(entry: AuditEntry): void {
    if (this.#audit.length < maxAuditEntries) this.#audit.push(entry);
    else this.#auditDropped++;
  }

  /** Returns the tokens of that family on that day, over all proxies. */
  today(familyId: string, day: number): number {
    let sum = this.#storedDay === day ? (this.#stored.get(familyId) ?? 0) : 0;
    for (const part of this.#uncounted) if (part.day === day) sum += part.tokens.get(familyId) ?? 0;
    if (this.#others.size === 0) return sum;
    for (const { parts } of this.#others.values())
      for (const part of parts) if (part.day === day) sum += part.tokens.get(familyId) ?? 0;
    return sum;
  }

  /**
   * Returns all counted tokens that may be missing in the totals, of this writer and of the others. Names each writer
   * at least once, because the importer must know which batches of a writer the totals contain before it counts more
   * tokens of that writer.
   */
  exportUncounted(): readonly UsedTokens[] {
    const all: (readonly [string, readonly DayTokens[]])[] = [[this.#writer, this.#uncounted]];
    for (const [writer, { parts }] of this.#others) all.push([writer, parts]);
    return all.flatMap(([writer, parts]) => [
      { writer, sequence: 0, day: 0, family: '', tokens: 0 },
      ...parts.flatMap(({ sequence, day, tokens }) =>
        [...tokens].map(([family, count]) => ({ writer, sequence, day, family, tokens: count })),
      ),
    ]);
  }

  /** Counts tokens that another writer used and will write itself. */
  countUsed({ writer, sequence, day, family, tokens }: UsedTokens): void {
    if (writer === this.#writer) return;
    let other = this.#others.get(writer);
    if (other === undefined) {
      other = { sequence: 0, parts: [] };
      this.#others.set(writer, other);
    }
    // The totals contain that batch already.
    if (sequence <= other.sequence) return;
    let part = other.parts.find((p) => p.sequence === sequence && p.day === day);
    if (part === undefined) {
      part = { sequence, day, tokens: new Map() };
      other.parts.push(part);
    }
    part.tokens.set(family, (part.tokens.get(family) ?? 0) + tokens);
  }

  /** Returns the writers to ask the store about. */
  otherWriters(): readonly string[] {
    return [...this.#others.keys()];
  }

  /** Returns everything that is not acknowledged, in the order of the numbers. The last batch can still grow. */
  unwritten(): readonly UsageBatch[] {
    const sent = this.#sent === undefined ? [] : [this.#sent];
    return this.#isOpenEmpty() ? sent : [...sent, this.#openBatch()];
  }

  /** Returns the batch to write now: the sent, unacknowledged batch, otherwise the open batch unless it is empty. */
  next(): UsageBatch | undefined {
    if (this.#sent !== undefined) return this.#sent;
    if (this.#isOpenEmpty()) return undefined;
    this.#noteDropped();
    this.#sent = this.#openBatch();
    this.#hours = new Map();
    this.#lastRows = new Map();
    this.#uses = new Map();
    this.#audit = [];
    this.#sequence++;
    this.#uncounted.push({ sequence: this.#sequence, day: 0, tokens: new Map() });
    return this.#sent;
  }

  /** Marks that batch as stored. */
  acknowledge(batch: UsageBatch): void {
    if (this.#sent === batch) this.#sent = undefined;
  }

  count(totals: UsageTotals): void {
    if (totals.replaceAll) this.#stored.clear();
    this.#storedDay = totals.day;
    for (const [familyId, tokens] of totals.tokens) this.#stored.set(familyId, tokens);
    this.#uncounted = this.#uncounted.filter((part) => part.sequence > totals.sequence);
    for (const [writer, sequence] of totals.others ?? []) {
      const other = this.#others.get(writer);
      if (other === undefined) continue;
      other.sequence = Math.max(other.sequence, sequence);
      // Usage of an earlier day no longer counts for a budget.
      other.parts = other.parts.filter((part) => part.sequence > other.sequence && part.day >= totals.day);
    }
  }

  /**
   * A database stores half of a surrogate pair as U+FFFD. Two names must not become one row there alone, so the row has
   * the name that is stored. A name with such a half is looked up twice, and no other name pays for that.
   */
  #hourOf(entry: UsageEntry): UsageHourRow {
    const model = entry.model.toWellFormed();
    const stored = model === entry.model ? entry : { ...entry, model };
    const name = hourName(stored);
    let row = this.#hours.get(name);
    if (row === undefined) {
      row = usageHourRow(stored);
      this.#hours.set(name, row);
    }
    return row;
  }

  #isOpenEmpty(): boolean {
    return this.#hours.size === 0 && this.#uses.size === 0 && this.#audit.length === 0;
  }

  #openBatch(): UsageBatch {
    const hours = [...this.#hours.values()];
    const [uses, audit] = [this.#uses, this.#audit];
    return { writer: this.#writer, sequence: this.#sequence, rows: usageDays(hours), hours, uses, audit };
  }

  #addTokens(familyId: string, day: number, tokens: number): void {
    const open = this.#uncounted.at(-1);
    if (open === undefined || tokens === 0 || day < open.day) return;
    if (day > open.day) {
      // Midnight has passed: yesterday's usage no longer counts for a budget.
      open.tokens.clear();
      open.day = day;
    }
    open.tokens.set(familyId, (open.tokens.get(familyId) ?? 0) + tokens);
    this.onUsed?.({ writer: this.#writer, sequence: open.sequence, day, family: familyId, tokens });
  }

  #noteDropped(): void {
    const last = this.#audit.at(-1);
    if (this.#auditDropped === 0 || last === undefined) return;
    const { atMs, actor } = last;
    this.#audit.push({ atMs, actor, action: 'audit.dropped', subject: String(this.#auditDropped) });
    this.#auditDropped = 0;
  }
}

function belongsTo(entry: UsageEntry, row: UsageHourRow): boolean {
  return (
    row.hour === hourNumber(entry.atMs) &&
    row.model === entry.model &&
    row.ending === entry.ending &&
    row.answered === entry.answered
  );
}

function hourName({ atMs, keyId, model, engine, ending, answered }: UsageEntry): string {
  return `${hourNumber(atMs)}\n${keyId}\n${model}\n${engine}\n${ending}\n${answered}`;
}
