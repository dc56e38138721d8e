-- What a sliding window holds, without counting anything; see sliding_window.lua.
--
-- KEYS[1]  the subject's window
-- ARGV[1]  the window's length in microseconds
--
-- Reply    for each counted call, oldest first, the microseconds until it leaves the window

local window = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local leaves = {}
for position = 2, #entries, 2 do
  local left = entries[position] + window - now
  if left > 0 then
    leaves[#leaves + 1] = left
  end
end
return leaves
