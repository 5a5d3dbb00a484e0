-- Writes presence. One call is one atomic step; times are Redis' own, in milliseconds.
--
-- KEYS[1] is the prefix P of all keys, a hash tag, so that a Redis cluster keeps them together:
--   P:leases              sorted set  gateway -> end of its lease
--   P:nodes               hash        gateway -> schemas Node
--   P:epochs              hash        gateway -> run id of the Redis that took its snapshot
--   P:sessions:<gateway>  hash        session -> [key, mid, room, platform, since, device,
--                                     how many devices the member may have, further rooms,
--                                     since in microseconds or 0] as JSON
--   P:rooms:<gateway>     hash        room -> members there
--   P:stale:<gateway>     sorted set  sessions that a snapshot has not confirmed yet -> since when
--   P:closing:<gateway>   set         sessions that were replaced and are not gone yet
--   P:keys                hash        key -> "mid session", the session that owns the key
--   P:member:<mid>        set         sessions of a member (mid over 0)
--   P:room:<room>         set         sessions in a room, be it a further one
--   P:switches:<mid>      string      sessions closed for newer ones within a minute
-- and what events tell of members (session_events.py):
--   P:online              hash        mid -> since when it is told to be online
--   P:leaving             sorted set  mid without a session -> when it will be told offline
--   P:seen:<mid>          string      [when, device, platform, since] of the session that left last
--   P:edges               sorted set  [number, mid, what, when, seen, device, platform, since], an
--                                     event that is not published yet -> its number
--   P:edge                string      the number of the last one
--   P:told                string      "run " and the run id of the Redis whose P:online is right;
--                                     else nobody is told anything until it was made right
--
-- report  ARGV: gateway, lease ms, 0 delta | 1 snapshot | 2 further step of one,
--               expected sessions or -1, node, number joined, number left, number of rooms,
--               grace ms, ms to know a member's last session, switches a minute,
--               (session, row) for each joined, session for each left, (room, count) for each;
--               in a snapshot "left" are those that were known and are not in this report
--         -> {resend 0|1, sessions of all live gateways, live gateways, sessions to close,
--             events to publish or -1 when P:told is another, newcomers refused for switching}
-- end     ARGV: gateway            -> ends its lease now
-- forget  ARGV: gateway, grace ms, ms to know a member's last session, session..
--         -> sessions that are left; -1 when its lease is not over
-- settle  ARGV: most               -> events to publish, as in report
-- tell    ARGV: ms to wait for sessions, (mid, since)..  -> adds to P:online
-- told                             -> P:told is this one; gateways are asked for snapshots

local STALE_MS = 5000 -- a snapshot in several reports must confirm a session within this
local STALE_AT_ONCE = 1000
local SWITCHES_MS = 60000 -- within which switches between a member's devices are counted

local prefix = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local leases, nodes, epochs, owners =
  prefix .. ':leases', prefix .. ':nodes', prefix .. ':epochs', prefix .. ':keys'
local online, leaving, edges, told =
  prefix .. ':online', prefix .. ':leaving', prefix .. ':edges', prefix .. ':told'
local grace_ms, seen_ms, most_switches = 0, 0, 0
local is_told, refused = false, 0

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

local function look_whether_told(run) is_told = redis.call('GET', told) == 'run ' .. run end

local function add_edge(mid, what, seen, device, platform, since)
  local number = redis.call('INCR', prefix .. ':edge')
  local edge = { number, mid, what, now, seen, device, platform, since }
  redis.call('ZADD', edges, number, cjson.encode(edge))
end

local function note_came(mid, row)
  if is_told and redis.call('HSETNX', online, mid, now) == 1 then
    add_edge(mid, 'online', 0, row[6] or '', row[4], row[5])
  else
    redis.call('ZREM', leaving, mid)
  end
end

local function note_left(mid, row)
  if redis.call('SCARD', of('member', mid)) > 0 then return end
  local last = cjson.encode({ now, row[6] or '', row[4], row[5] })
  redis.call('SET', of('seen', mid), last, 'PX', seen_ms)
  if redis.call('HEXISTS', online, mid) == 1 then
    redis.call('ZADD', leaving, now + grace_ms, mid)
  end
end

-- The rooms of a row, each once, as the keys of a table.
local function rooms_of(row)
  local rooms = {}
  if row[3] ~= '' then rooms[row[3]] = true end
  for _, room in ipairs(row[8] or {}) do rooms[room] = true end
  return rooms
end

local function remove(gateway, session)
  local text = redis.call('HGET', of('sessions', gateway), session)
  redis.call('SREM', of('closing', gateway), session)
  redis.call('ZREM', of('stale', gateway), session)
  if not text then return end
  local row = cjson.decode(text)
  redis.call('HDEL', of('sessions', gateway), session)
  if owner_of(row[1]) == session then redis.call('HDEL', owners, row[1]) end
  for room in pairs(rooms_of(row)) do redis.call('SREM', of('room', room), session) end
  if not is_anonymous(row[2]) then
    redis.call('SREM', of('member', row[2]), session)
    note_left(row[2], row)
  end
end

-- Whether `session` logged in after the other one. Where one of them is known in milliseconds only,
-- as of gateways and routers before microseconds were told, of equals the one that is reported
-- later did; else one of two sessions is always the newer one, in whatever order they come.
local function is_newer(session, row, other, theirs)
  local mine, its = row[9] or 0, theirs[9] or 0
  if mine == 0 or its == 0 then return row[5] >= theirs[5] end
  if mine ~= its then return mine > its end
  return session > other
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
  local newer_is_mine = not text or is_newer(session, row, other, cjson.decode(text))
  local older_mid = newer_is_mine and other_mid or row[2]
  local newer_wins = other_mid == row[2] or is_anonymous(older_mid)
  if newer_wins == newer_is_mine then
    redis.call('HSET', owners, row[1], mine)
    return other
  end
  return session
end

local function is_closing(session)
  return redis.call('SISMEMBER', of('closing', gateway_of(session)), session) == 1
end

-- The member's other sessions that this one's policy leaves no place for.
local function rivals_of(session, row)
  local found = {}
  if row[7] ~= 'newest' and row[7] ~= 'platform' then return found end
  for _, other in ipairs(redis.call('SMEMBERS', of('member', row[2]))) do
    local text = other ~= session and is_live(gateway_of(other)) and not is_closing(other)
      and redis.call('HGET', of('sessions', gateway_of(other)), other)
    local theirs = text and cjson.decode(text)
    if theirs and (row[7] == 'newest' or theirs[4] == row[4]) then
      found[#found + 1] = { session = other, row = theirs }
    end
  end
  return found
end

-- Adds to `losers` the older ones of a member that may not have them all; returns whether the
-- newcomer stays. Clients that come back though they were told not to would take turns for ever:
-- after some turns in a minute the newcomer is the one to go.
local function replace_devices(session, row, losers)
  local rivals = rivals_of(session, row)
  if #rivals == 0 then return true end
  for _, rival in ipairs(rivals) do
    if not is_newer(session, row, rival.session, rival.row) then
      losers[#losers + 1] = session
      return false
    end
  end
  local switches = redis.call('INCR', of('switches', row[2]))
  if switches == 1 then redis.call('PEXPIRE', of('switches', row[2]), SWITCHES_MS) end
  if switches > most_switches then
    refused = refused + 1
    losers[#losers + 1] = session
    return false
  end
  for _, rival in ipairs(rivals) do losers[#losers + 1] = rival.session end
  return true
end

local function join(gateway, session, text, is_snapshot)
  local row = cjson.decode(text)
  local before = redis.call('HGET', of('sessions', gateway), session)
  local left = {}
  if before then
    local old = cjson.decode(before)
    if old[1] ~= row[1] or old[2] ~= row[2] then
      remove(gateway, session)
      before = nil
    else
      left = rooms_of(old)
    end
  end
  redis.call('ZREM', of('stale', gateway), session)
  redis.call('HSET', of('sessions', gateway), session, text)
  for room in pairs(rooms_of(row)) do
    redis.call('SADD', of('room', room), session)
    left[room] = nil
  end
  for room in pairs(left) do redis.call('SREM', of('room', room), session) end
  local losers = {}
  local stays = true
  if not is_anonymous(row[2]) then
    redis.call('SADD', of('member', row[2]), session)
    if not before or is_snapshot then note_came(row[2], row) end
    if not before then stays = replace_devices(session, row, losers) end
  end
  if stays and row[1] ~= '' and not (before and owner_of(row[1])) then
    losers[#losers + 1] = claim(session, row)
  end
  return losers
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
  return { resend, total, live, closing, is_told and redis.call('ZCARD', edges) or -1, refused }
end

local function report()
  local gateway, step, expected = ARGV[2], ARGV[4], tonumber(ARGV[5])
  local joined, left, rooms = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local run = run_id()
  look_whether_told(run)
  grace_ms, seen_ms, most_switches = tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12])
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
  local at = 13
  local closing = {}
  for _ = 1, joined do
    for _, loser in ipairs(join(gateway, ARGV[at], ARGV[at + 1], step ~= '0')) do
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
  grace_ms, seen_ms = tonumber(ARGV[3]), ARGV[4]
  for at = 5, #ARGV do remove(gateway, ARGV[at]) end
  local known = redis.call('HLEN', of('sessions', gateway))
  if known == 0 then
    redis.call('DEL', of('rooms', gateway), of('closing', gateway), of('stale', gateway))
    redis.call('HDEL', nodes, gateway)
    redis.call('HDEL', epochs, gateway)
    redis.call('ZREM', leases, gateway)
  end
  return known
end

-- Members whose grace is over become offline, which is an event.
local function settle()
  look_whether_told(run_id())
  if not is_told then return -1 end
  local due = redis.call('ZRANGEBYSCORE', leaving, '-inf', now, 'LIMIT', 0, ARGV[2])
  for _, mid in ipairs(due) do
    redis.call('ZREM', leaving, mid)
    if redis.call('SCARD', of('member', mid)) == 0 then
      redis.call('HDEL', online, mid)
      local last = redis.call('GET', of('seen', mid))
      add_edge(mid, 'offline', unpack(last and cjson.decode(last) or { now, '', '', 0 }))
    end
  end
  return redis.call('ZCARD', edges)
end

-- Takes over who was told to be online; who has no session gets some time to show one.
local function tell()
  for at = 3, #ARGV, 2 do
    redis.call('HSET', online, ARGV[at], ARGV[at + 1])
    if redis.call('SCARD', of('member', ARGV[at])) == 0 then
      redis.call('ZADD', leaving, now + tonumber(ARGV[2]), ARGV[at])
    end
  end
end

-- Sessions that came while nobody was told anything are looked at again in the next snapshots.
local function begin_telling()
  redis.call('SET', told, 'run ' .. run_id())
  redis.call('DEL', epochs)
end

if ARGV[1] == 'settle' then return settle() end
if ARGV[1] == 'tell' then return tell() end
if ARGV[1] == 'told' then return begin_telling() end
if ARGV[1] == 'report' then return report() end
if ARGV[1] == 'forget' then return forget() end
if ARGV[1] == 'end' then return redis.call('ZADD', leases, 0, ARGV[2]) end
return redis.error_reply('unknown action ' .. ARGV[1])
