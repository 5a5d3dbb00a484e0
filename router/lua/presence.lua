-- Writes presence. One call is one atomic step; times are Redis' own, in milliseconds.
--
-- KEYS[1] is the prefix P of all keys, a hash tag, so that a Redis cluster keeps them together:
--   P:leases              sorted set  gateway -> end of its lease
--   P:nodes               hash        gateway -> schemas Node
--   P:epochs              hash        gateway -> run id of the Redis that took its snapshot
--   P:sessions:<gateway>  hash        session -> [key, mid, room, platform, since] as JSON
--   P:rooms:<gateway>     hash        room -> members there
--   P:stale:<gateway>     sorted set  sessions that a snapshot has not confirmed yet -> since when
--   P:closing:<gateway>   set         sessions that were replaced and are not gone yet
--   P:keys                hash        key -> "mid session", the session that owns the key
--   P:member:<mid>        set         sessions of a member (mid over 0)
--   P:room:<room>         set         sessions in a room
--
-- report  ARGV: gateway, lease ms, 0 delta | 1 snapshot | 2 further step of one,
--               expected sessions or -1, node, number joined, number left, number of rooms,
--               (session, row) for each joined, session for each left, (room, count) for each;
--               in a snapshot "left" are those that were known and are not in this report
--         -> {resend 0|1, sessions of all live gateways, live gateways, sessions to close}
-- end     ARGV: gateway            -> ends its lease now
-- forget  ARGV: gateway, session.. -> sessions that are left; -1 when its lease is not over

local STALE_MS = 5000 -- a snapshot in several reports must confirm a session within this
local STALE_AT_ONCE = 1000

local prefix = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local leases, nodes, epochs, owners =
  prefix .. ':leases', prefix .. ':nodes', prefix .. ':epochs', prefix .. ':keys'

-- Which run of which server this is; empty, and so always the same, where INFO is forbidden.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

local function of(kind, name) return prefix .. ':' .. kind .. ':' .. name end

local function is_live(gateway)
  local ends = redis.call('ZSCORE', leases, gateway)
  return ends and tonumber(ends) > now
end

local function count_sessions(gateway)
  return redis.call('HLEN', of('sessions', gateway)) - redis.call('ZCARD', of('stale', gateway))
end

local function gateway_of(session) return string.match(session, '^(.*)%.[^.]*$') or session end

local function owner_of(key)
  local owner = redis.call('HGET', owners, key)
  if not owner then return nil end
  local mid, session = string.match(owner, '^(%S+) (.*)$')
  return session, mid
end

local function is_anonymous(mid) return mid == '0' or string.sub(mid, 1, 1) == '-' end

local function remove(gateway, session)
  local text = redis.call('HGET', of('sessions', gateway), session)
  redis.call('SREM', of('closing', gateway), session)
  redis.call('ZREM', of('stale', gateway), session)
  if not text then return end
  local row = cjson.decode(text)
  redis.call('HDEL', of('sessions', gateway), session)
  if owner_of(row[1]) == session then redis.call('HDEL', owners, row[1]) end
  if not is_anonymous(row[2]) then redis.call('SREM', of('member', row[2]), session) end
  if row[3] ~= '' then redis.call('SREM', of('room', row[3]), session) end
end

-- Decides who keeps a key and returns the session that must close, if any. The newer session
-- wins over an anonymous one and over one of its own member; else the older one stays.
local function claim(session, row)
  local other, other_mid = owner_of(row[1])
  local mine = row[2] .. ' ' .. session
  if not other or other == session or not is_live(gateway_of(other)) then
    redis.call('HSET', owners, row[1], mine)
    return nil
  end
  local text = redis.call('HGET', of('sessions', gateway_of(other)), other)
  local newer_is_mine = not text or cjson.decode(text)[5] <= row[5]
  local older_mid = newer_is_mine and other_mid or row[2]
  local newer_wins = other_mid == row[2] or is_anonymous(older_mid)
  if newer_wins == newer_is_mine then
    redis.call('HSET', owners, row[1], mine)
    return other
  end
  return session
end

local function join(gateway, session, text)
  local row = cjson.decode(text)
  local before = redis.call('HGET', of('sessions', gateway), session)
  if before then
    local old = cjson.decode(before)
    if old[1] ~= row[1] or old[2] ~= row[2] then
      remove(gateway, session)
      before = nil
    elseif old[3] ~= row[3] and old[3] ~= '' then
      redis.call('SREM', of('room', old[3]), session)
    end
  end
  redis.call('ZREM', of('stale', gateway), session)
  redis.call('HSET', of('sessions', gateway), session, text)
  if row[3] ~= '' then redis.call('SADD', of('room', row[3]), session) end
  if not is_anonymous(row[2]) then redis.call('SADD', of('member', row[2]), session) end
  if row[1] == '' or (before and owner_of(row[1])) then return nil end
  return claim(session, row)
end

local function drop_stale(gateway)
  local until_ms = now - STALE_MS
  local old = redis.call(
    'ZRANGEBYSCORE', of('stale', gateway), '-inf', until_ms, 'LIMIT', 0, STALE_AT_ONCE)
  for _, session in ipairs(old) do remove(gateway, session) end
end

local function summary(resend, closing)
  local live = redis.call('ZRANGEBYSCORE', leases, '(' .. now, '+inf')
  local total = 0
  for _, gateway in ipairs(live) do total = total + count_sessions(gateway) end
  return { resend, total, live, closing }
end

local function report()
  local gateway, step, expected = ARGV[2], ARGV[4], tonumber(ARGV[5])
  local joined, left, rooms = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local run = run_id()
  if step == '0' and not is_live(gateway) then return summary(1, {}) end
  redis.call('ZADD', leases, now + tonumber(ARGV[3]), gateway)
  redis.call('HSET', nodes, gateway, ARGV[6])
  if step == '1' then
    redis.call('HSET', epochs, gateway, run)
    redis.call('DEL', of('rooms', gateway), of('stale', gateway))
  elseif redis.call('HGET', epochs, gateway) ~= run then
    return summary(1, {})
  end
  drop_stale(gateway)
  local at = 10
  local closing = {}
  for _ = 1, joined do
    local loser = join(gateway, ARGV[at], ARGV[at + 1])
    if loser then
      redis.call('SADD', of('closing', gateway_of(loser)), loser)
      if gateway_of(loser) ~= gateway then closing[#closing + 1] = loser end
    end
    at = at + 2
  end
  for _ = 1, left do
    if step == '0' then
      remove(gateway, ARGV[at])
    else
      redis.call('ZADD', of('stale', gateway), now, ARGV[at])
    end
    at = at + 1
  end
  for _ = 1, rooms do
    if tonumber(ARGV[at + 1]) > 0 then
      redis.call('HSET', of('rooms', gateway), ARGV[at], ARGV[at + 1])
    else
      redis.call('HDEL', of('rooms', gateway), ARGV[at])
    end
    at = at + 2
  end
  for _, session in ipairs(redis.call('SMEMBERS', of('closing', gateway))) do
    closing[#closing + 1] = session
  end
  local differs = expected >= 0 and count_sessions(gateway) ~= expected
  return summary(differs and 1 or 0, closing)
end

local function forget()
  local gateway = ARGV[2]
  if is_live(gateway) then return -1 end
  for at = 3, #ARGV do remove(gateway, ARGV[at]) end
  local known = redis.call('HLEN', of('sessions', gateway))
  if known == 0 then
    redis.call('DEL', of('rooms', gateway), of('closing', gateway), of('stale', gateway))
    redis.call('HDEL', nodes, gateway)
    redis.call('HDEL', epochs, gateway)
    redis.call('ZREM', leases, gateway)
  end
  return known
end

if ARGV[1] == 'report' then return report() end
if ARGV[1] == 'forget' then return forget() end
if ARGV[1] == 'end' then return redis.call('ZADD', leases, 0, ARGV[2]) end
return redis.error_reply('unknown action ' .. ARGV[1])
