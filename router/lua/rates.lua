-- Takes one token from each of several buckets, in order.
--
-- ARGV: (key, microseconds a token, tokens at most) for each
--       -> for each the microseconds until a token is there, 0 when one was taken
--
-- A bucket is one number: the time at which it is full again (the GCRA form of a token bucket;
-- router/admission.py has the same rule).

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local waits = {}
for at = 1, #ARGV, 3 do
  local interval = tonumber(ARGV[at + 1])
  local full = math.max(tonumber(redis.call('GET', ARGV[at]) or now), now)
  local wait = full + interval - interval * tonumber(ARGV[at + 2]) - now
  if wait > 0 then
    waits[#waits + 1] = math.ceil(wait)
  else
    local text = string.format('%.0f', full + interval)
    redis.call('SET', ARGV[at], text, 'PX', math.ceil((full + interval - now) / 1000) + 1)
    waits[#waits + 1] = 0
  end
end
return waits
