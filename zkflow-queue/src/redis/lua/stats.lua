-- ARGV: now. Returns the numbers of ready, delayed, leased and dead jobs, and the earliest run_at of a ready job or ''.
-- Jobs are not counted one by one.
local now = present()
settle(now)
local oldest = tonumber(redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
local fallen = tonumber(redis.call('ZRANGEBYSCORE', later, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, 1)[2])
if fallen and (not oldest or fallen < oldest) then
  oldest = fallen
end
local waiting = redis.call('ZCARD', later)
local ripe = redis.call('ZCOUNT', later, '-inf', text(now))
return {
  redis.call('ZCARD', due) + ripe,
  waiting - ripe,
  redis.call('ZCARD', leased),
  redis.call('ZCARD', dead),
  oldest and text(oldest) or '',
}
