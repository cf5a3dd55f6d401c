/**
 * The Lua scripts that count limits in Valkey or Redis. Each runs as a whole and asks the server for the time, so clocks
 * of nodes never matter. All keys share the hash tag `{flm}`: one shard of a cluster would do all the work.
 *
 *   {flm}:members      sorted set: member ("base.epoch") -> end of its lease, in ms. A member is one connection of a node.
 *   {flm}:bases        hash: base (one node) -> its member. A new member of a node ends the old one.
 *   {flm}:r:BUCKET     GCRA: theoretical arrival time, in ms
 *   {flm}:c:FAMILY     hash: member -> requests in progress
 *   {flm}:s:ENGINE     hash: member -> slots
 *   {flm}:w:ENGINE     sorted set: members that wait for a slot, in the order in which they came
 *   {flm}:t:FAMILY     "tokens atMs": balance of tokens a minute
 *   {flm}:d:DAY:FAMILY tokens of the day
 *   {flm}:q:WRITER     number of the last charge of a process, so that a repeated charge counts once
 *   {flm}:revoked      hash: key id -> audit entry, until the database has the revocation
 *
 * What a member holds counts only while its lease lasts: a hash may contain members that ended, and the script that sums it
 * removes them. A command of a member that has ended changes nothing and returns `fenced`. So a command that was
 * delayed by the network over a reconnect has no effect.
 */

/** The server's time. Tests replace it. */
export const serverTime = "local t = redis.call('TIME') local now = t[1] * 1000 + t[2] / 1000";

const shared = `
local P = '{flm}:'
local function alive(member)
  local untilMs = redis.call('ZSCORE', P .. 'members', member)
  return untilMs and tonumber(untilMs) > now
end
local at = 0
local function arg() at = at + 1 return ARGV[at] end
local function num() return tonumber(arg()) end
local function text(n) return string.format('%.17g', n) end
local function total(key)
  local sum, all = 0, redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if alive(all[i]) then sum = sum + tonumber(all[i + 1]) else redis.call('HDEL', key, all[i]) end
  end
  return sum
end
local function hold(key, member, n)
  if redis.call('HINCRBY', key, member, n) <= 0 then redis.call('HDEL', key, member) end
  redis.call('PEXPIRE', key, 600000)
end
-- The first member that waits for the engine.
local function waiter(engine)
  while true do
    local first = redis.call('ZRANGE', P .. 'w:' .. engine, 0, 0)[1]
    if not first or alive(first) then return first end
    redis.call('ZREM', P .. 'w:' .. engine, first)
  end
end
-- Gives free slots to waiting members, in order. Returns how many the calling member got, and how many are free.
local function serve(engine, slots, me)
  local free, own = slots - total(P .. 's:' .. engine), 0
  while free > 0 do
    local first = waiter(engine)
    if not first then break end
    redis.call('ZREM', P .. 'w:' .. engine, first)
    hold(P .. 's:' .. engine, first, 1)
    free = free - 1
    if first == me then own = own + 1 else
      redis.call('PUBLISH', P .. 'to:' .. string.match(first, '^(.*)%.%d+$'), 'slot ' .. first .. ' ' .. engine)
    end
  end
  return own, free
end
local function others(engine, me)
  local waiting = redis.call('ZCARD', P .. 'w:' .. engine)
  if waiting > 0 and redis.call('ZSCORE', P .. 'w:' .. engine, me) then waiting = waiting - 1 end
  return waiting
end
local function balance(family, perMinute)
  local stored = redis.call('GET', P .. 't:' .. family)
  if not stored then return perMinute end
  local tokens, since = string.match(stored, '^(%S+) (%S+)$')
  return math.min(perMinute, tonumber(tokens) + math.max(0, now - tonumber(since)) * perMinute / 60000)
end
local today = math.floor(now / 86400000)
local function dayKey(family) return P .. 'd:' .. today .. ':' .. family end
local function setBalance(family, perMinute, tokens)
  local fullInMs = math.ceil((perMinute - tokens) / perMinute * 60000)
  if fullInMs <= 0 then redis.call('DEL', P .. 't:' .. family) else
    redis.call('SET', P .. 't:' .. family, text(tokens) .. ' ' .. text(now), 'PX', fullInMs)
  end
end
`;

/** For commands of a member: its name is the first argument. */
const fenced = `
local me = arg()
if not alive(me) then return {'fenced'} end
`;

const bodies = {
  /**
   * Everything that one request asks, in this order: rates, one of the requests of its key, tokens, slots. Rates are
   * taken from all buckets or from none, and nothing else is taken after a refused rate. A slot is granted of the first
   * engine that has one; `wait`: the member then waits for all of the engines.
   */
  ask: `${fenced}
local out = {'ok', 0, '0'}
local count, slowest, retry = num(), 0, 0
local buckets = {}
for i = 1, count do
  local bucket, interval, burst = P .. 'r:' .. arg(), 60000 / num(), num()
  local arrival = math.max(tonumber(redis.call('GET', bucket) or now), now)
  -- Only a clock that was set back leads to more than an empty bucket.
  arrival = math.min(arrival, now + burst * interval)
  local wait = arrival - now - (burst - 1) * interval
  -- A double holds the time of today in steps of a quarter of a microsecond.
  if wait > 1e-6 * interval + 0.001 and wait > retry then slowest = i retry = wait end
  buckets[i] = {bucket, interval, arrival}
end
for i, b in ipairs(buckets) do
  local arrival = b[3]
  if slowest == 0 then
    arrival = arrival + b[2]
    redis.call('SET', b[1], text(arrival), 'PX', math.ceil(arrival - now) + 1)
  end
  out[3 + i] = text(arrival - now)
end
out[2] = slowest
out[3] = text(retry)
if slowest > 0 then return out end
local family, limit = arg(), num()
if family == '' then out[#out + 1] = -1 else
  local key = P .. 'c:' .. family
  if total(key) < limit then
    hold(key, me, 1)
    out[#out + 1] = 1
  else
    out[#out + 1] = 0
  end
end
local budget, perMinute, day, known = arg(), num(), arg(), num()
if budget == '' then out[#out + 1] = '' out[#out + 1] = '' else
  out[#out + 1] = perMinute == 0 and '' or text(balance(budget, perMinute))
  local used = ''
  -- Around midnight the node may still be in yesterday, or already in tomorrow: its count is of another day.
  if day ~= '' and tonumber(day) == today then
    local key = dayKey(budget)
    used = math.max(tonumber(redis.call('GET', key) or 0), known)
    -- The database may know of tokens that were used before this server counted.
    if used > 0 then redis.call('SET', key, text(used), 'PX', 172800000) end
    used = text(used)
  end
  out[#out + 1] = used
end
local engines, waits = num(), num()
local granted = ''
local wanted = {}
for i = 1, engines do wanted[i] = {arg(), num()} end
for _, e in ipairs(wanted) do
  if granted == '' then
    local own, free = serve(e[1], e[2], me)
    if own > 0 then granted = e[1] elseif free > 0 then
      hold(P .. 's:' .. e[1], me, 1)
      granted = e[1]
    end
  end
end
out[#out + 1] = granted
for _, e in ipairs(wanted) do
  if granted ~= '' then redis.call('ZREM', P .. 'w:' .. e[1], me)
  elseif waits == 1 then
    local place = redis.call('INCR', P .. 'places')
    if redis.call('ZADD', P .. 'w:' .. e[1], 'NX', place, me) == 1 then
      redis.call('PEXPIRE', P .. 'w:' .. e[1], 600000)
      redis.call('PUBLISH', P .. 'all', 'wanted ' .. me .. ' ' .. e[1])
    end
  end
  out[#out + 1] = others(e[1], me)
end
return out`,

  /** Requests of a key (`c:FAMILY`) or slots (`s:ENGINE`) that the member has without a question, or that ended (negative). */
  hold: `${fenced}
hold(P .. arg(), me, num())
return {'ok'}`,

  /** Returns slots of an engine, and passes them to members that wait. */
  free: `${fenced}
local engine, slots, n = arg(), num(), num()
hold(P .. 's:' .. engine, me, -n)
local own = serve(engine, slots, me)
return {'ok', own, others(engine, me)}`,

  /** The member no longer waits for an engine. */
  leave: `${fenced}
redis.call('ZREM', P .. 'w:' .. arg(), me)
return {'ok'}`,

  /** Charges what a request used. A number that is not higher than the last one was charged before. */
  charge: `${fenced}
local last, number = P .. 'q:' .. arg(), num()
local family, perMinute, tokens, day = arg(), num(), num(), arg()
if number <= tonumber(redis.call('GET', last) or 0) then return {'ok'} end
redis.call('SET', last, number, 'PX', 172800000)
if perMinute > 0 then setBalance(family, perMinute, balance(family, perMinute) - tokens) end
if day ~= '' then
  redis.call('INCRBYFLOAT', dayKey(family), tokens)
  redis.call('PEXPIRE', dayKey(family), 172800000)
end
return {'ok'}`,

  /** Reads a bucket without taking. */
  peek: `
local arrival = tonumber(redis.call('GET', P .. 'r:' .. arg()) or now)
return {'ok', text(math.max(0, arrival - now))}`,

  /** A node returns with what it knows, without the charges that it has not sent: nothing gets better by that. */
  lower: `${fenced}
local rates = num()
for i = 1, rates do
  local bucket, aheadMs = P .. 'r:' .. arg(), num()
  local arrival = math.max(tonumber(redis.call('GET', bucket) or now), now + aheadMs)
  if arrival > now then redis.call('SET', bucket, text(arrival), 'PX', math.ceil(arrival - now) + 1) end
end
local balances = num()
for i = 1, balances do
  local family, perMinute, tokens = arg(), num(), num()
  setBalance(family, perMinute, math.min(balance(family, perMinute), tokens))
end
local day, days = tonumber(ARGV[#ARGV]), num()
for i = 1, days do
  local key, tokens = dayKey(arg()), num()
  if day == today and tokens > tonumber(redis.call('GET', key) or 0) then redis.call('SET', key, text(tokens), 'PX', 172800000) end
end
return {'ok'}`,

  /**
   * Begins a member of a node, with all that the node holds. Ends the node's earlier member. Returns the member, the
   * number of members, and whether the server has lost what it knew.
   */
  hello: `
local base, leaseMs, mark = arg(), num(), arg()
-- After a loss, epochs do not repeat.
redis.call('SET', P .. 'epoch', math.floor(now / 1000), 'NX')
local me = base .. '.' .. redis.call('INCR', P .. 'epoch')
local old = redis.call('HGET', P .. 'bases', base)
if old then redis.call('ZREM', P .. 'members', old) end
redis.call('HSET', P .. 'bases', base, me)
redis.call('ZADD', P .. 'members', now + leaseMs, me)
for _, kind in ipairs({'c:', 's:'}) do
  local count = num()
  for i = 1, count do hold(P .. kind .. arg(), me, num()) end
end
redis.call('SET', P .. 'mark', mark, 'NX')
return {'ok', me, redis.call('ZCOUNT', P .. 'members', text(now), '+inf'), redis.call('GET', P .. 'mark')}`,

  /** Extends the lease of a member, and the life of what it holds. */
  beat: `${fenced}
local leaseMs = num()
-- Only a clock that was set back leads to a longer lease.
for _, m in ipairs(redis.call('ZRANGEBYSCORE', P .. 'members', text(now + leaseMs), '+inf')) do
  redis.call('ZADD', P .. 'members', now + leaseMs, m)
end
redis.call('ZADD', P .. 'members', now + leaseMs, me)
for _, m in ipairs(redis.call('ZRANGEBYSCORE', P .. 'members', '-inf', text(now - 60000))) do
  local base = string.match(m, '^(.*)%.%d+$')
  redis.call('ZREM', P .. 'members', m)
  if redis.call('HGET', P .. 'bases', base) == m then redis.call('HDEL', P .. 'bases', base) end
end
return {'ok', redis.call('ZCOUNT', P .. 'members', text(now), '+inf'), redis.call('GET', P .. 'mark')}`,

  /** What a member holds is kept for ten more minutes. */
  keep: `${fenced}
for i = at + 1, #ARGV do redis.call('PEXPIRE', P .. ARGV[i], 600000) end
return {'ok'}`,

  /** The node ends. */
  bye: `
local me = arg()
redis.call('ZREM', P .. 'members', me)
redis.call('HDEL', P .. 'bases', string.match(me, '^(.*)%.%d+$'))
-- What it held is free now: the members that wait ask again.
redis.call('PUBLISH', P .. 'all', 'freed')
return {'ok'}`,

  /** Tells every node that a key is revoked. */
  revoke: `
redis.call('HSET', P .. 'revoked', ARGV[1], ARGV[2])
redis.call('PUBLISH', P .. 'all', 'revoked ' .. ARGV[1] .. ' ' .. ARGV[2])
return {'ok'}`,

  /** Every revocation that the database may not have. */
  revoked: `return redis.call('HGETALL', P .. 'revoked')`,

  /** The database has the revocation. */
  written: `redis.call('HDEL', P .. 'revoked', ARGV[1]) return {'ok'}`,
} as const;

export type ScriptName = keyof typeof bodies;

export const scriptNames = Object.keys(bodies) as readonly ScriptName[];

export function scriptText(name: ScriptName, time = serverTime): string {
  return `${time}${shared}${bodies[name]}`;
}

/** Channels of `PUBLISH`: for every node, and for one node. */
export const allChannel = '{flm}:all';
export const nodeChannel = (base: string): string => `{flm}:to:${base}`;
/** The key that tells a cluster which shard runs a script. */
export const routingKey = '{flm}:members';
