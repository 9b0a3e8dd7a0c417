-- KEYS: the caller. ARGV: the present moment in milliseconds, or empty for the clock of the server; requests a second; requests at once.
-- The generic cell rate algorithm in whole microseconds, so that numbers are exact: the key contains the moment at which the requests
-- so far are worked off, and exists a minute longer. Returns whether this request is accepted, how many more are, and the time until the next one is.
local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1]) * 1000
else
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local interval = math.max(1, math.floor(1000000 / tonumber(ARGV[2])))
local tolerance = interval * tonumber(ARGV[3])

local done = tonumber(redis.call('GET', KEYS[1]) or now)
-- The clock may have been set back, and the limits may have been raised or lowered.
done = math.max(now, math.min(done, now + tolerance))
local left = now + tolerance - done
if left < interval then
  return { 0, 0, interval - left }
end
done = done + interval
redis.call('SET', KEYS[1], string.format('%.0f', done), 'PX', math.ceil((done - now) / 1000) + 60000)
return { 1, math.floor((now + tolerance - done) / interval), 0 }
