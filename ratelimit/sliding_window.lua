-- One call against a sliding window, decided and counted in one step.
--
-- KEYS[1]  the subject's window: a sorted set with one member a counted call; hash-tagged, so that
--          the script runs on Redis Cluster too
-- ARGV[1]  calls allowed in the window
-- ARGV[2]  the window's length in microseconds
-- ARGV[3]  optional: the time in microseconds, for tests; otherwise this server's clock is asked
--
-- Reply    {allowed 1 or 0, calls left, microseconds until the oldest counted call leaves}
--
-- A call at time s counts for all t with s <= t < s + window. A refused call is not stored. Scores
-- and members are whole microseconds, which the engine packs as integers; a member is its call's
-- time or, where another call has taken that, the next free number: two calls in one tick are two.

local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

-- Lua's own conversion keeps 14 digits; a time in microseconds has 16.
local function integer(number)
  return string.format('%.0f', number)
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now - window))
local counted = redis.call('ZCARD', KEYS[1])
local allowed = counted < limit

if allowed then
  local member = now
  while redis.call('ZADD', KEYS[1], 'NX', integer(now), integer(member)) == 0 do
    member = member + 1
  end
  redis.call('PEXPIRE', KEYS[1], integer(math.ceil(window / 1000)))
  counted = counted + 1
end

local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local reset = oldest and oldest + window - now or 0
return { allowed and 1 or 0, math.max(limit - counted, 0), reset }
