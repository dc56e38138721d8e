-- How many calls some sliding windows hold, without counting anything; see sliding_window.lua.
--
-- KEYS     the subjects' windows
-- ARGV     the length of each in microseconds
--
-- Reply    the number of calls counted in each

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local counts = {}
for position, window in ipairs(KEYS) do
  local start = string.format('(%.0f', now - tonumber(ARGV[position]))
  counts[position] = redis.call('ZCOUNT', window, start, '+inf')
end
return counts
