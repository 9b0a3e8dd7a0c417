-- KEYS: the paces. ARGV: the present moment in milliseconds, or empty for the clock of the server; the number of requests; then for each
-- pace: requests a second; requests at once.
-- The generic cell rate algorithm in whole microseconds, so that numbers are exact: a key contains the moment at which the requests
-- so far are worked off, and exists a minute longer. Takes as many requests of all paces as each has, at most the number; nothing of any
-- if one has none. Returns how many it took, how many more there are, and if none, the time until there is one.
local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1]) * 1000
else
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local paces = {}
local free, wait = math.huge, 0
for i, key in ipairs(KEYS) do
  local interval = math.max(1, math.floor(1000000 / tonumber(ARGV[2 * i + 1])))
  local tolerance = interval * tonumber(ARGV[2 * i + 2])
  local done = tonumber(redis.call('GET', key) or now)
  -- The clock may have been set back, and the limits may have been raised or lowered.
  done = math.max(now, math.min(done, now + tolerance))
  local left = now + tolerance - done
  free = math.min(free, math.floor(left / interval))
  wait = math.max(wait, interval - left)
  paces[i] = { interval, done }
end
if free == 0 then
  return { 0, 0, wait }
end

local taken = math.min(free, tonumber(ARGV[2]))
for i, key in ipairs(KEYS) do
  local interval, done = unpack(paces[i])
  done = done + interval * taken
  redis.call('SET', key, string.format('%.0f', done), 'PX', math.ceil((done - now) / 1000) + 60000)
end
return { taken, free - taken, 0 }
