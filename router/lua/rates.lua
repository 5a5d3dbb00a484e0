-- Takes tokens for messages, in order: for each message one from each of its buckets, or none.
--
-- ARGV: for each message the number of its buckets, and for each of these
--       key, microseconds a token, tokens at most, 1 for one that refuses nothing (a dry run)
--       -> for each message the microseconds until it may come again, 0 when its tokens were
--          taken; the bucket (from 1) that refused it, 0: none; the sum of 2^(number - 1) for
--          each bucket of a dry run that was empty
--
-- A bucket is one number: the time at which it is full again (the GCRA form of a token bucket;
-- router/admission.py has the same rule).

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answers = {}
local at = 1
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local wait, refused_by, dry = 0, 0, 0
  local later = {}
  for number = 1, count do
    local place = at + (number - 1) * 4
    local interval = tonumber(ARGV[place + 2])
    local full = math.max(tonumber(redis.call('GET', ARGV[place + 1]) or now), now)
    local short = full + interval - interval * tonumber(ARGV[place + 3]) - now
    if short <= 0 then
      later[ARGV[place + 1]] = full + interval
    elseif ARGV[place + 4] == '1' then
      dry = dry + 2 ^ (number - 1)
    elseif refused_by == 0 then
      wait, refused_by = math.ceil(short), number
    end
  end
  if refused_by == 0 then
    for key, full in pairs(later) do
      redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
    end
  end
  answers[#answers + 1] = wait
  answers[#answers + 1] = refused_by
  answers[#answers + 1] = dry
  at = at + 1 + count * 4
end
return answers
