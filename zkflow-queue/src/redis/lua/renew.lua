-- ARGV: now, id, nonce, by. Returns the new end of the lease, or nil if it is lost.
local now = present()
local job = held(ARGV[2], ARGV[3], now)
if not job then
  return false
end
job.ends = math.min(now + ARGV[4], 253402207200000)
redis.call('ZADD', leased, text(job.ends), job.id)
save(job)
return text(job.ends)
