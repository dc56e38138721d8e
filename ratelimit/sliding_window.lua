-- One call against a sliding window, decided and counted in one step.
--
-- KEYS[1]  the subject's window: a sorted set with one member a counted call; hash-tagged, so that
--          the script runs on Redis Cluster too
-- ARGV[1]  calls allowed in the window
-- ARGV[2]  the window's length in seconds
-- ARGV[3]  optional: the time in microseconds, for tests; otherwise this server's clock is asked
--
-- Reply    {allowed 1 or 0, calls left, microseconds until the oldest counted call leaves}
--
-- A call at time s counts for all t with s <= t < s + window. A refused call is not stored. Scores
-- and members are whole microseconds, which the engine packs as integers; a member is its call's
-- time or, where another call has taken that, the next free number: two calls in one tick are two.
-- They are kept as text where they go to the engine: Lua's own conversion keeps 14 digits of 16.

local call = redis.call
local calls = KEYS[1]
local limit = tonumber(ARGV[1])
local window = ARGV[2] * 1000000
local stamp = ARGV[3]
if not stamp then
  local time = call('TIME')
  stamp = string.format('%d%06d', time[1], time[2])
end
local now = tonumber(stamp)

local oldest = call('ZRANGE', calls, 0, 0, 'WITHSCORES')[2]
if oldest and oldest + window <= now then
  call('ZREMRANGEBYSCORE', calls, '-inf', string.format('%.0f', now - window))
  oldest = call('ZRANGE', calls, 0, 0, 'WITHSCORES')[2]
end
local counted = oldest and call('ZCARD', calls) or 0

if counted >= limit then
  return { 0, 0, oldest and oldest + window - now or 0 }
end

local member = stamp
while call('ZADD', calls, 'NX', stamp, member) == 0 do
  member = string.format('%.0f', member + 1)
end
call('EXPIRE', calls, ARGV[2])
return { 1, limit - counted - 1, (oldest or now) + window - now }
